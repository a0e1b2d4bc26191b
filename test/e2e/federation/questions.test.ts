import { expect } from 'chai';
import { ERRORS, type ErrorCode } from '../../../src/kernel/errors.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { readRun } from '../../../src/protocol/run.js';
import type { WireBackfill, WireMembers } from '../../../src/protocol/queries.js';
import { federatedRoom, membershipComes, PATIENCE_MS } from '../../support/federated.js';
import { contract } from '../../support/fixtures.js';
import { eventually, gateways, type Gateway } from '../../support/gateway.js';
import { HostilePeer, type PeerAnswer } from '../../support/hostile-peer.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { rowCounts } from '../../support/row-counts.js';

const MALLORY = '@mallory:m.example';
const BASE = '/_scaiwave/federation/v1';

function expectCode({ status, body }: PeerAnswer<object>, code: ErrorCode): void {
  expect({ status, code: body.error?.code }).to.deep.equal({ status: ERRORS[code].status, code });
}

describe('what a server may ask of a.example', function () {
  this.timeout(60_000);
  let a: Gateway;
  let mallory: HostilePeer;
  let alice: Person;
  let room: RoomSeen;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['m.example'] });
    alice = await Person.of(a, 'alice');
    room = await federatedRoom(alice);
    await alice.says(room.id, 'before');
    await comes();
    await alice.says(room.id, 'first stay');
    await mallory.results(a, [{ kind: 'event', event: mallory.membership(room.room_alias, 'leave') }]);
    await alice.says(room.id, 'between');
  });
  after(async () => {
    await a.end();
    await mallory.close();
  });

  async function comes(): Promise<void> {
    await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: MALLORY });
    const [result] = await eventually(async () => mallory.results(a, [{ kind: 'event', event: mallory.membership(room.room_alias, 'join') }]).catch(() => undefined), PATIENCE_MS);
    expect(result).to.deep.equal({ status: 'accepted' });
  }
  const backfill = async (id: string, from: number, limit = 1_000): Promise<WireBackfill> => {
    const { status, body } = await mallory.get<WireBackfill>(a, `${BASE}/rooms/${id}/backfill?from_seq=${from}&limit=${limit}`);
    expect(status).to.equal(200);
    return body.data ?? expect.fail('no data');
  };
  const seqs = ({ run }: WireBackfill) => run?.entries.map(({ seq }) => seq) ?? [];
  const intervals = () => a.database.asOwner<{ from_seq: string; to_seq: string | null }>('select from_seq, to_seq from intervals where room_id = $1 order by from_seq', [room.id]);

  it('is its descriptor, unsigned, by the name it is asked under', async () => {
    const answer = await fetch(`${a.url}/.well-known/scaiwave/server`, { headers: { 'x-scaiwave-destination': 'a.example' } });
    const descriptor = (await answer.json()) as { server_name: string; public_key: string; protocol_versions: string[]; jws: string; keys: { id: string }[] };
    expect(answer.status).to.equal(200);
    expect(descriptor).to.include({ server_name: 'a.example' });
    expect(descriptor.protocol_versions).to.include('v1');
    const identity = await a.ask<{ public_key: string; key_id: string; server_name: string }>('admin', 'GET', '/v1/admin/federation/identity');
    expect(identity).to.include({ server_name: 'a.example', public_key: descriptor.public_key, key_id: descriptor.keys.at(-1)?.id });
    const other = await fetch(`${a.url}/.well-known/scaiwave/server`, { headers: { 'x-scaiwave-destination': 'nobody.example' } });
    expect(other.status).to.equal(404);
  });

  it('is nothing at all without a signature', async () => {
    for (const path of ['/profile/alice', `/rooms/${room.id}/members`, `/rooms/${room.id}/backfill?from_seq=1&limit=1`]) {
      const plain = await fetch(`${a.url}${BASE}${path}`, { headers: { 'x-scaiwave-origin': 'm.example', 'x-scaiwave-destination': 'a.example' } });
      expect(plain.status, path).to.equal(401);
      const changed = await mallory.call(a, { method: 'GET', target: `${BASE}${path}`, sentTarget: `${BASE}${path.replace('alice', 'admin').replace('limit=1', 'limit=2').replace('/members', '/backfill')}` });
      expectCode(changed, 'SW_FED_SIGNATURE_MISMATCH');
    }
  });

  it('is the log inside the intervals that it was there: from its invitation to its leaving, and no more', async () => {
    const [stay] = await intervals();
    const [from, to] = [Number(stay?.from_seq), Number(stay?.to_seq)];
    const answer = await backfill(room.id, 1);
    expect(seqs(answer)[0]).to.equal(from);
    expect(seqs(answer).at(-1)).to.equal(to);
    expect(answer.next_seq).to.equal(null);
    const run = readRun(contract, answer.run ?? expect.fail('no run'));
    expect(run.folded.lastSeq).to.equal(to);
    expect(seqs(await backfill(room.id, to + 1))).to.deep.equal([]);
    const text = JSON.stringify(answer.run?.entries.map((entry) => ('event' in entry ? Buffer.from(entry.event.split('.')[1] ?? '', 'base64url').toString('utf8') : '')));
    expect(text).to.include('first stay').and.not.include('before').and.not.include('between');
  });

  it('is no member list of a room that it has left', async () => {
    expectCode(await mallory.get(a, `${BASE}/rooms/${room.id}/members`), 'SW_ROOM_NOT_FOUND');
  });

  it('goes on in a new interval when it has come back, and jumps over what lies between', async () => {
    await comes();
    await alice.says(room.id, 'second stay');
    const [first, second] = await intervals();
    expect(second?.to_seq).to.equal(null);
    const one = await backfill(room.id, 1, 1_000);
    expect(seqs(one).at(-1)).to.equal(Number(first?.to_seq));
    expect(one.next_seq).to.be.a('number');
    const next = await backfill(room.id, one.next_seq ?? 0);
    expect(seqs(next)[0]).to.equal(Number(second?.from_seq));
    const small = await backfill(room.id, Number(second?.from_seq), 1);
    expect([seqs(small).length, small.next_seq]).to.deep.equal([1, Number(second?.from_seq) + 1]);
  });

  it('is no more than one answer holds, with the keys of all who speak in it, and all of it comes', async () => {
    const first = (await alice.says(room.id, 'x'.repeat(60_000))).id;
    for (let n = 1; n < 20; n += 1) await alice.says(room.id, 'x'.repeat(40_000));
    const [from] = await a.database.asOwner<{ seq: string }>('select seq from entries where event_id = $1', [first]);
    // As if each were by somebody of another server, whose descriptor is as long as it may be.
    await a.database.asOwner("update entries set origin = 't' || seq || '.example' where room_id = $1 and seq >= $2", [room.id, from?.seq]);
    await a.database.asOwner(
      `insert into peers (tenant_id, server_name, trust, serial, descriptor, first_seen, fetched_at)
       select tenant_id, origin, 'pinned', 1, jsonb_build_object('jws', repeat('a', 64000) || '.b.c'), 1, 1 from entries where room_id = $1 and seq >= $2`,
      [room.id, from?.seq],
    );
    try {
      const seen: number[] = [];
      for (let next: number | null = Number(from?.seq); next !== null; ) {
        const answer: WireBackfill = await backfill(room.id, next);
        expect(JSON.stringify(answer).length).to.be.below(LIMITS.batchBytesMax + 4_096);
        expect(answer.keys).to.have.length(seqs(answer).length);
        seen.push(...seqs(answer));
        next = answer.next_seq;
      }
      expect(seen).to.deep.equal(Array.from({ length: 20 }, (_, n) => Number(from?.seq) + n));
    } finally {
      await a.database.asOwner("delete from peers where server_name like 't%.example'");
    }
  });

  it('is who is in a room that it is in, and who they are', async () => {
    await membershipComes(alice, room.id, MALLORY, 'join');
    const { status, body } = await mallory.get<WireMembers>(a, `${BASE}/rooms/${room.id}/members`);
    const data = body.data ?? expect.fail('no data');
    expect({ status, room: data.room }).to.deep.equal({ status: 200, room: room.room_alias });
    expect(data.members.map(({ fqid, membership, power_level }) => ({ fqid, membership, power_level }))).to.deep.include.members([
      { fqid: alice.fqid, membership: 'join', power_level: 100 },
      { fqid: MALLORY, membership: 'join', power_level: 0 },
    ]);
    const profile = await mallory.get(a, `${BASE}/profile/alice`);
    expect(profile.body.data).to.deep.equal({ fqid: alice.fqid, display_name: 'alice', avatar_url: null });
  });

  it('is nothing of people and rooms that it does not share, whether they exist or not', async () => {
    const loner = await Person.of(a, 'loner');
    const hidden = await federatedRoom(loner);
    for (const name of ['loner', 'nobody-at-all']) expectCode(await mallory.get(a, `${BASE}/profile/${name}`), 'SW_PARTICIPANT_NOT_FOUND');
    for (const id of [hidden.id, 'room-00000000-0000-4000-8000-000000000000']) {
      expectCode(await mallory.get(a, `${BASE}/rooms/${id}/members`), 'SW_ROOM_NOT_FOUND');
      expect(await backfill(id, 1)).to.deep.equal({ room: `!${id}:a.example`, run: null, next_seq: null, keys: [] });
    }
    for (const path of [`/rooms/nonsense/members`, `/rooms/${room.id}/backfill?from_seq=0&limit=1`, `/rooms/${room.id}/backfill?from_seq=1&limit=1001`, '/profile/%00']) {
      expect((await mallory.get(a, BASE + path)).status, path).to.be.within(400, 404);
    }
  });

  it('is an empty answer where policy refuses backfill, and changes nothing', async () => {
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { max_backfill_events_per_request: 0 });
    const before = await rowCounts(a);
    await eventually(async () => (await backfill(room.id, 1)).run === null, 3_000);
    expect(await backfill(room.id, 1)).to.deep.equal({ room: room.room_alias, run: null, next_seq: null, keys: [] });
    expect(await rowCounts(a)).to.deep.equal(before);
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { max_backfill_events_per_request: 2 });
    await eventually(async () => seqs(await backfill(room.id, 1)).length === 2, 3_000);
  });

  it('shows the peer to administrators, with the key that was seen first', async () => {
    const peers = await a.ask<{ server_name: string; state: string; fingerprint: string; last_seen: string | null }[]>('admin', 'GET', '/v1/admin/federation/peers');
    expect(peers).to.have.length(1);
    expect(peers[0]).to.include({ server_name: 'm.example', state: 'active' });
    expect(peers[0]?.fingerprint).to.match(/^[0-9a-f]{64}$/);
    expect(peers[0]?.last_seen).to.be.a('string');
    for (const path of ['peers', 'identity', 'policy', 'rejections']) expect((await alice.try('GET', `/v1/admin/federation/${path}`)).status, path).to.equal(403);
  });
});
