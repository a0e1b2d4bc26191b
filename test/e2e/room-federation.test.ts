import { compactVerify, importJWK } from 'jose';
import { expect } from 'chai';
import type { RoomFederationView, RoomPeerView } from '../../src/flows/api/federation-admin.js';
import { federatedRoom } from '../support/federated.js';
import { eventually, federatedPair, gateways, sharedRoom, type Gateway } from '../support/gateway.js';
import { HostilePeer } from '../support/hostile-peer.js';
import { Person } from '../support/people.js';
import { refusedWith } from '../support/scripted-peer.js';

describe('GET /v1/admin/rooms/{room_id}/federation', function () {
  this.timeout(60_000);
  let a: Gateway;
  let b: Gateway;
  let room: { home: string; away: string };

  before(async () => {
    [a, b] = await federatedPair();
    room = await sharedRoom(a, b);
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
  });

  const seenBy = (gateway: Gateway, roomId: string) => gateway.ask<RoomFederationView>('admin', 'GET', `/v1/admin/rooms/${roomId}/federation`);

  it('is for administrators', async () => {
    const { status, body } = await a.call('bob', 'GET', `/v1/admin/rooms/${room.home}/federation`);
    expect([status, body.error?.code]).to.deep.equal([403, 'SW_AUTH_INSUFFICIENT_PERMISSION']);
  });

  it('knows no room of another tenant', async () => {
    const { status, body } = await b.call('admin', 'GET', `/v1/admin/rooms/${room.home}/federation`);
    expect([status, body.error?.code]).to.deep.equal([404, 'SW_ROOM_NOT_FOUND']);
  });

  it('shows equal heads on both sides, and a receipt that anybody can check', async () => {
    await a.ask('admin', 'POST', `/v1/rooms/${room.home}/send`, { content: { msgtype: 'swp.text', body: 'from a' } });
    const [home, mirror] = await eventually(async () => {
      const both = [await seenBy(a, room.home), await seenBy(b, room.away)] as const;
      return both[0].head.hash === both[1].head.hash && both[0].peers[0]?.receipt?.seq === both[0].head.seq && both;
    });
    expect([home.phase, mirror.phase]).to.deep.equal(['hosted', 'mirrored']);
    expect(home.head.seq).to.equal(mirror.head.seq);

    const [peer] = home.peers;
    expect(peer?.server_name).to.equal('b.example');
    const { public_key: key } = await b.ask<{ public_key: string }>('admin', 'GET', '/v1/admin/federation/identity');
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key.replace('ed25519:', ''), 'base64').toString('base64url') };
    const { payload } = await compactVerify(peer?.receipt?.jws ?? '', await importJWK(jwk, 'EdDSA'));
    expect(JSON.parse(Buffer.from(payload).toString())).to.include({ room: home.room_alias, seq: home.head.seq, hash: home.head.hash });
  });
});

describe('the withheld places of a room of a.example, as its administrators see them', function () {
  this.timeout(60_000);
  let a: Gateway;
  let mallory: HostilePeer;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['m.example'] });
  });
  after(async () => {
    await a.end();
    await mallory.close();
  });

  it('are those that a peer cannot take, with its code', async () => {
    const alice = await Person.of(a, 'alice');
    const room = await federatedRoom(alice);
    await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: '@mallory:m.example' });
    await eventually(async () => mallory.items('member', room.room_alias).length === 1);
    expect(await mallory.results(a, [{ kind: 'event', event: mallory.membership(room.room_alias, 'join') }])).to.deep.equal([{ status: 'accepted' }]);
    const peer = async (): Promise<RoomPeerView | undefined> => {
      const { head, peers } = await a.ask<RoomFederationView>('admin', 'GET', `/v1/admin/rooms/${room.id}/federation`);
      return peers[0]?.receipt?.seq === head.seq ? peers[0] : undefined;
    };
    expect((await eventually(peer)).withheld).to.deep.equal([]);

    mallory.scripted.script = (item) => {
      const indigestible = item.kind === 'log' && item.run.entries.some((entry) => entry.form === 'event' && entry.event.event.content['body'] === 'indigestible');
      return indigestible ? refusedWith('SW_BAD_SCHEMA', false) : mallory.scripted.honest(item);
    };
    await alice.says(room.id, 'indigestible');
    const { receipt, withheld } = await eventually(peer);
    expect(withheld).to.deep.equal([{ seq: receipt?.seq, code: 'SW_BAD_SCHEMA' }]);
  });
});
