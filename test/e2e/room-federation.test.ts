import { compactVerify, importJWK } from 'jose';
import { expect } from 'chai';
import type { RoomFederationView } from '../../src/flows/api/federation-admin.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../support/gateway.js';

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
