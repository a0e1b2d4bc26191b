import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ERRORS, type ErrorCode } from '../../../src/kernel/errors.js';
import { EVENT_TYPES, type JsonObject } from '../../../src/kernel/events.js';
import type { ItemResult } from '../../../src/protocol/send-answer.js';
import { FakePeer } from '../../support/fake-peer.js';
import { federatedRoom, heard, membershipComes, PATIENCE_MS, powers, participantOf } from '../../support/federated.js';
import { eventually, gateways, type Gateway } from '../../support/gateway.js';
import { HostilePeer, type Claims } from '../../support/hostile-peer.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { expectRefusal } from '../../support/refusals.js';
import { rowCounts } from '../../support/row-counts.js';

const MALLORY = '@mallory:m.example';
const NINA = '@nina:n.example';
const NOBODY_ROOM = '!room-00000000-0000-4000-8000-000000000000:a.example';

describe('an event that m.example submits to a.example', function () {
  this.timeout(60_000);
  let a: Gateway;
  let mallory: HostilePeer;
  let nina: HostilePeer;
  let alice: Person;
  let room: RoomSeen;
  let log: string;
  let said: { origin: string; id: string };

  before(async () => {
    [mallory, nina] = await Promise.all([HostilePeer.listen('m.example'), HostilePeer.listen('n.example')]);
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url, 'n.example': nina.url } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['m.example'] });
    alice = await Person.of(a, 'alice');
    room = await federatedRoom(alice);
    log = room.room_alias;
    await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: MALLORY });
    await eventually(async () => mallory.items('member', log).length === 1, PATIENCE_MS);
    expect(await mallory.results(a, [{ kind: 'event', event: mallory.membership(log, 'join') }])).to.deep.equal([{ status: 'accepted' }]);
    const message = await alice.says(room.id, 'mine');
    const [row] = await a.database.asOwner<{ wire_id: string }>('select wire_id from entries where event_id = $1', [message.id]);
    said = { origin: 'a.example', id: row?.wire_id ?? '' };
  });
  after(async () => {
    await a.end();
    await Promise.all([mallory.close(), nina.close()]);
  });

  const submit = async (event: string): Promise<ItemResult> => (await mallory.results(a, [{ kind: 'event', event }]))[0] ?? expect.fail('no result');
  const refusedAs = async (code: ErrorCode, event: string, why: string): Promise<void> => {
    const before = await rowCounts(a);
    const result = await submit(event);
    expect(result, why).to.include({ status: 'refused', code, retryable: ERRORS[code].retryable });
    expect(await rowCounts(a), why).to.deep.equal(before);
    const single = await mallory.single(a, event);
    expect({ status: single.status, code: single.body.error?.code }, `${why}, alone`).to.deep.equal({ status: ERRORS[code].status, code });
    expect(await rowCounts(a), why).to.deep.equal(before);
  };
  const member = (target: string, membership: string): Claims => ({ type: EVENT_TYPES.member, content: { target, membership } });

  it('names a file by more than a name can be, and spoils nothing for those beside it', async () => {
    const endless = randomBytes(6_000).toString('base64');
    const events = [
      mallory.event(log, { content: { msgtype: 'swp.media', media_id: endless } }),
      mallory.event(log, { content: { msgtype: 'swp.media', media_id: 'm', thumbnail_id: endless } }),
      mallory.event(log),
    ];
    const [results, beside] = await Promise.all([mallory.results(a, events.map((event) => ({ kind: 'event', event }))), alice.says(room.id, 'beside it')]);
    expect(results.map(({ status }) => status)).to.deep.equal(['accepted', 'accepted', 'accepted']);
    expect(beside.id).to.match(/^evt-/);
  });

  it('is placed if it is as it should be, alone or in a batch', async () => {
    expect(await submit(mallory.event(log))).to.deep.equal({ status: 'accepted' });
    const alone = await mallory.single(a, mallory.event(log, { content: { msgtype: 'swp.text', body: 'alone' } }));
    expect({ status: alone.status, data: alone.body.data }).to.deep.equal({ status: 200, data: { status: 'accepted' } });
    await heard(alice, room.id, 'alone');
  });

  it('is a duplicate the second time, with its place, and stays one entry', async () => {
    const event = mallory.event(log, { content: { msgtype: 'swp.text', body: 'twice' } });
    const [first, second] = await mallory.results(a, [{ kind: 'event', event }, { kind: 'event', event }]);
    expect([first?.status, second?.status].sort()).to.deep.equal(['accepted', 'duplicate']);
    const before = await rowCounts(a);
    const again = await submit(event);
    expect(again).to.have.keys('status', 'seq', 'event_hash');
    expect((await mallory.single(a, event)).body.data).to.deep.equal(again);
    expect(await rowCounts(a)).to.deep.equal(before);
  });

  it('under an id that had another content is refused, and the first stays', async () => {
    const id = randomUUID();
    await submit(mallory.event(log, { id, content: { msgtype: 'swp.text', body: 'the first' } }));
    await refusedAs('SW_FED_EVENT_CONFLICT', mallory.event(log, { id, content: { msgtype: 'swp.text', body: 'the second' } }), 'another content');
    expect(await alice.hears(room.id)).to.include('the first').and.not.include('the second');
  });

  it('of another origin, or signed for another server’s person, is refused', async () => {
    await refusedAs('SW_FED_ORIGIN_MISMATCH', mallory.event(log, { sender: '@alice:a.example' }), 'a sender of a.example');
    await refusedAs('SW_FED_ORIGIN_MISMATCH', mallory.event(log, { origin: 'a.example' }), 'an origin of a.example');
    const other = new FakePeer('n.example', () => Date.now());
    await refusedAs('SW_FED_ORIGIN_MISMATCH', mallory.event(log, { sender: '@nobody:n.example', origin: 'n.example' }, other.current), 'whole of n.example');
  });

  it('is signed by whoever says it: one drafted for another to sign is refused, and never signed here', async () => {
    const [header = '', payload = ''] = mallory.event(log, { sender: alice.fqid, origin: 'a.example' }).split('.');
    const draft = Buffer.from(payload, 'base64url').toString();
    for (const event of [JSON.parse(draft) as object, { ...(JSON.parse(draft) as object), signature: '' }]) {
      const before = await rowCounts(a);
      const [result] = await mallory.results(a, [{ kind: 'event', event }]);
      expect(result).to.include({ status: 'refused', code: 'SW_BAD_SCHEMA' });
      expect(await rowCounts(a)).to.deep.equal(before);
    }
    for (const event of [draft, payload, `${header}.${payload}.`]) await refusedAs('SW_FED_EVENT_INVALID', event, event.slice(0, 40));
  });

  it('with a signature that does not hold is refused', async () => {
    const [header, , signature] = mallory.event(log).split('.');
    const [, payload] = mallory.event(log, { content: { msgtype: 'swp.text', body: 'slipped in' } }).split('.');
    await refusedAs('SW_FED_EVENT_SIGNATURE', [header, payload, signature].join('.'), 'another payload');
    await refusedAs('SW_FED_KEY_UNKNOWN', mallory.event(log, {}, new FakePeer('m.example', () => Date.now()).current), 'a key that is not shown');
  });

  it('for a room that is not there, not federated, or another’s is refused', async () => {
    const closed = await alice.room();
    await refusedAs('SW_ROOM_NOT_FOUND', mallory.event(NOBODY_ROOM), 'unknown');
    await refusedAs('SW_FED_ROOM_NOT_FEDERATED', mallory.event(closed.room_alias), 'not federated');
    await refusedAs('SW_ROOM_NOT_FOUND', mallory.event(log.replace(':a.example', ':b.example')), 'of another home');
  });

  it('for a room that its server is not in is refused', async () => {
    const other = await federatedRoom(alice);
    await refusedAs('SW_NOT_MEMBER', mallory.event(other.room_alias), 'a message');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.membership(other.room_alias, 'join'), 'a join that nobody asked for');
    await refusedAs('SW_NOT_MEMBER', mallory.event(other.room_alias, { seen: { seq: 1, hash: 'a'.repeat(64) } }), 'and learns nothing of its log');
  });

  it('by somebody of its server who is not in the room is refused', async () => {
    await refusedAs('SW_NOT_MEMBER', mallory.event(log, { sender: '@maud:m.example' }), 'a message');
  });

  it('dated more than a minute ahead is refused until then, and one of the past is taken', async () => {
    await refusedAs('SW_FED_EVENT_IN_FUTURE', mallory.event(log, { origin_ts: Date.now() + 63_000 }), 'in a minute');
    expect(await submit(mallory.event(log, { origin_ts: Date.now() + 50_000 }))).to.deep.equal({ status: 'accepted' });
    expect(await submit(mallory.event(log, { origin_ts: Date.now() - 86_400_000 }))).to.deep.equal({ status: 'accepted' });
  });

  it('that has seen another log than ours is refused, and freezes what is between its server and us in that room, and nothing else', async () => {
    const [forked, beyond] = [await federatedRoom(alice, { room_type: 'public', is_public: true, name: 'Forked' }), await federatedRoom(alice, { room_type: 'public', is_public: true, name: 'Beyond' })];
    const others = { seq: 1, hash: 'a'.repeat(64) };
    const lanes = async (id: string): Promise<object> =>
      (await a.ask<{ peers: { frozen: string | null; proof: string | null }[] }>('admin', 'GET', `/v1/admin/rooms/${id}/federation`)).peers.map(({ frozen, proof }) => ({ frozen, proof }));
    const OPEN = { frozen: null, proof: null };
    for (const { room_alias: alias } of [forked, beyond]) expect(await submit(mallory.membership(alias, 'join'))).to.deep.equal({ status: 'accepted' });
    const alias = forked.room_alias;
    await eventually(async () => mallory.items('log', alias).length > 0, PATIENCE_MS);

    const [header, , signature] = mallory.event(alias).split('.');
    const [, payload] = mallory.event(alias, { seen: others }).split('.');
    expect(await submit([header, payload, signature].join('.'))).to.include({ code: 'SW_FED_EVENT_SIGNATURE' });
    expect(await submit(mallory.event(alias, { seen: others, sender: '@nina:n.example', origin: 'n.example' }, nina.fake.current))).to.include({ code: 'SW_FED_ORIGIN_MISMATCH' });
    expect(await lanes(forked.id), 'not its own word').to.deep.equal([OPEN]);

    expect(await submit(mallory.event(alias))).to.deep.equal({ status: 'accepted' });
    const proof = mallory.event(alias, { seen: others });
    const together = await mallory.results(a, [{ kind: 'event', event: mallory.event(alias) }, { kind: 'event', event: proof }]);
    for (const result of together) expect(result).to.include({ status: 'refused', code: 'SW_FED_CHAIN_FORK', retryable: false });
    expect(await lanes(forked.id)).to.deep.equal([{ frozen: 'SW_FED_CHAIN_FORK', proof }]);
    await refusedAs('SW_FED_LANE_FROZEN', mallory.event(alias, { seen: { ...others, seq: 2 } }), 'the same again');
    await refusedAs('SW_FED_LANE_FROZEN', mallory.event(alias), 'and what contradicts nothing');
    expect(await lanes(forked.id), 'the first proof stays').to.deep.equal([{ frozen: 'SW_FED_CHAIN_FORK', proof }]);
    const sent = mallory.items('log', alias).length;

    expect([await lanes(beyond.id), await submit(mallory.event(beyond.room_alias))], 'its other rooms').to.deep.equal([[OPEN], { status: 'accepted' }]);
    expect(await submit(mallory.event(beyond.room_alias, { seen: { ...others, seq: 9_999 } })), 'a place that is not there').to.include({ code: 'SW_FED_CHAIN_FORK' });
    await alice.says(forked.id, 'not for mallory');
    await alice.says(room.id, 'for mallory');
    await eventually(async () => mallory.items('log', log).some((run) => run.entries.some((entry) => 'event' in entry && contentOf(entry.event)['body'] === 'for mallory')), PATIENCE_MS);
    expect(mallory.items('log', alias)).to.have.length(sent);

    await alice.do('POST', `/v1/rooms/${forked.id}/kick`, { fqid: MALLORY });
    expect(await submit(mallory.membership(alias, 'join')), 'let in anew').to.deep.equal({ status: 'accepted' });
    expect(await lanes(forked.id)).to.deep.equal([OPEN]);
    await eventually(async () => (await submit(mallory.event(alias))).status === 'accepted', PATIENCE_MS);
  });

  it('that edits or redacts what another said is refused', async () => {
    const edit = { type: EVENT_TYPES.edit, content: { msgtype: 'swp.text', body: 'drafted' }, relates_to: { rel: 'edit', ...said } };
    await refusedAs('SW_EDIT_FORBIDDEN', mallory.event(log, edit), 'an edit');
    await refusedAs('SW_REDACT_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.redaction, content: {}, relates_to: { rel: 'redaction', ...said } }), 'a redaction');
    expect(await alice.hears(room.id)).to.include('mine').and.not.include('drafted');
  });

  it('about an event that is not there, or in another room, is refused', async () => {
    const elsewhere = await alice.room();
    const hidden = await alice.says(elsewhere.id, 'elsewhere');
    const [row] = await a.database.asOwner<{ wire_id: string }>('select wire_id from entries where event_id = $1', [hidden.id]);
    for (const id of [randomUUID(), row?.wire_id ?? '']) {
      const about = (rel: string) => ({ rel, origin: 'a.example', id });
      await refusedAs('SW_EVENT_NOT_FOUND', mallory.event(log, { type: EVENT_TYPES.reaction, content: { emoji: '👍' }, relates_to: about('reaction') }), 'a reaction');
      await refusedAs('SW_EVENT_NOT_FOUND', mallory.event(log, { type: EVENT_TYPES.redaction, content: {}, relates_to: about('redaction') }), 'a redaction');
      await refusedAs('SW_EVENT_NOT_FOUND', mallory.event(log, { type: EVENT_TYPES.edit, content: { body: 'x' }, relates_to: about('edit') }), 'an edit');
    }
  });

  it('that joins, kicks or bans another without the power is refused', async () => {
    const bystander = await Person.of(a, 'bystander');
    await alice.brings(room.id, bystander);
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, member('@maud:m.example', 'join')), 'a join for another of its own');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, member('@walter:a.example', 'join')), 'a join for one of ours');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, member(bystander.fqid, 'leave')), 'a kick');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, member(bystander.fqid, 'ban')), 'a ban');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, member(alice.fqid, 'ban')), 'a ban of the creator');
    await membershipComes(alice, room.id, bystander.fqid, 'join');
  });

  it('that changes the room without the power is refused', async () => {
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.name, content: { name: 'Mine' } }), 'a name');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.topic, content: { topic: 'Mine' } }), 'a topic');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.powerLevels, content: { target: MALLORY, power_level: 100 } }), 'power for itself');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.create, content: { room_type: 'group', creator: MALLORY, history: 'beginning' } }), 'a creation');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.federation, content: { enabled: false } }), 'federation');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.state, content: { state: 'closed' } }), 'closing');
  });

  it('that decides over federation or the life of the room is refused even with all power', async () => {
    const id = await participantOf(alice, room.id, MALLORY);
    await alice.do('PUT', `/v1/rooms/${room.id}/members/${id}/power-level`, { power_level: 99 });
    expect((await powers(alice, room.id))[MALLORY]).to.equal(99);
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.powerLevels, content: { target: MALLORY, power_level: 100 } }), 'power above its own');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.powerLevels, content: { target: alice.fqid, power_level: 0 } }), 'power of those above it');
    await alice.do('PUT', `/v1/rooms/${room.id}/members/${id}/power-level`, { power_level: 100 });
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.federation, content: { enabled: false } }), 'federation');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.state, content: { state: 'closed' } }), 'closing');
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.event(log, { type: EVENT_TYPES.state, content: { state: 'archived' } }), 'archiving');
  });

  it('of a form that its type does not have is refused', async () => {
    await refusedAs('SW_FED_EVENT_INVALID', mallory.event(log, { type: EVENT_TYPES.member, content: { target: MALLORY, membership: 'emperor' } }), 'a membership');
    await refusedAs('SW_FED_EVENT_INVALID', mallory.event(log, { type: EVENT_TYPES.powerLevels, content: { target: MALLORY, power_level: 101 } }), 'a power');
    await refusedAs('SW_FED_EVENT_INVALID', mallory.event(log, { id: 'not-a-uuid' }), 'an id');
    await refusedAs('SW_FED_EVENT_INVALID', mallory.event(log, { type: EVENT_TYPES.edit, content: {} }), 'an edit of nothing');
    await refusedAs('SW_FED_EVENT_INVALID', mallory.event(log, { note: 'x' } as Claims), 'a member more');
    await refusedAs('SW_CONTENT_TOO_LARGE', mallory.event(log, { content: { body: 'x'.repeat(65_537) } }), 'a content');
  });

  it('does not spoil the others of its batch', async () => {
    const event = (body: string, claims: Claims = {}) => ({ kind: 'event', event: mallory.event(log, { content: { msgtype: 'swp.text', body }, ...claims }) });
    const results = await mallory.results(a, [
      event('good one'),
      { kind: 'event', event: 'not a jws' },
      { kind: 'nonsense' },
      event('forged', { sender: '@alice:a.example' }),
      { kind: 'event', event: mallory.event(NOBODY_ROOM) },
      event('good two'),
    ]);
    expect(results.map((result) => (result.status === 'refused' ? result.code : result.status))).to.deep.equal([
      'accepted', 'SW_FED_EVENT_INVALID', 'SW_BAD_SCHEMA', 'SW_FED_ORIGIN_MISMATCH', 'SW_ROOM_NOT_FOUND', 'accepted',
    ]);
    expect(await alice.hears(room.id)).to.include.members(['good one', 'good two']).and.not.include('forged');
  });

  it('that is refused is shown to administrators, and to no one else', async () => {
    const seen = await a.ask<{ server_name: string; code: string }[]>('admin', 'GET', '/v1/admin/federation/rejections?limit=200');
    expect(seen.length).to.be.greaterThan(0);
    for (const { server_name } of seen) expect(server_name).to.equal('m.example');
    expect((await alice.try('GET', '/v1/admin/federation/rejections')).status).to.equal(403);
  });

  it('that would let in a server to which the room cannot be told in one piece is refused, and so is its invitation, until people have left', async () => {
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['m.example', 'n.example'] });
    await eventually(async () => (await nina.batch(a, [])).body.error?.code !== 'SW_FED_PEER_UNKNOWN', PATIENCE_MS);
    const wide = await federatedRoom(alice, { room_type: 'public', is_public: true, name: 'Wide' });
    const people = Array.from({ length: 16 }, (_, n) => `@p${n}:m.example`);
    const moves = (who: readonly string[], membership: string, note: string): Promise<readonly ItemResult[]> =>
      mallory.results(a, who.map((sender) => ({ kind: 'event', event: mallory.event(wide.room_alias, { type: EVENT_TYPES.member, sender, content: { target: sender, membership, note } }) })));
    for (const half of [people.slice(0, 8), people.slice(8)]) {
      expect((await moves(half, 'join', 'x'.repeat(60_000))).map(({ status }) => status)).to.deep.equal(half.map(() => 'accepted'));
    }
    const before = await rowCounts(a);
    expectRefusal(await alice.try('POST', `/v1/rooms/${wide.id}/invite`, { fqid: NINA }), 'SW_FED_ROOM_TOO_LARGE');
    const join = nina.membership(wide.room_alias, 'join', { sender: NINA });
    expect((await nina.results(a, [{ kind: 'event', event: join }]))[0]).to.include({ status: 'refused', code: 'SW_FED_ROOM_TOO_LARGE', retryable: false });
    expect(await rowCounts(a)).to.deep.equal(before);

    await moves(people.slice(0, 8), 'leave', '');
    await alice.do('POST', `/v1/rooms/${wide.id}/invite`, { fqid: NINA });
    expect(await nina.results(a, [{ kind: 'event', event: join }])).to.deep.equal([{ status: 'accepted' }]);
    const [start] = await eventually(async () => { const items = nina.items('start', wide.room_alias); return items.length > 0 && items; }, PATIENCE_MS);
    const targets = (start?.state ?? []).map((jws) => contentOf(jws)['target']).filter((target) => target !== undefined);
    expect(targets).to.have.members([alice.fqid, ...people.slice(8)]);
  });

  it('of a banned person is refused, and so is a join that would come after the ban', async () => {
    const id = await participantOf(alice, room.id, MALLORY);
    await alice.do('PUT', `/v1/rooms/${room.id}/members/${id}/power-level`, { power_level: 0 }).catch(() => undefined);
    const other = await federatedRoom(alice);
    await alice.do('POST', `/v1/rooms/${other.id}/invite`, { fqid: MALLORY });
    await alice.do('POST', `/v1/rooms/${other.id}/ban`, { fqid: MALLORY });
    await refusedAs('SW_ROOM_FORBIDDEN', mallory.membership(other.room_alias, 'join'), 'a join');
    await refusedAs('SW_NOT_MEMBER', mallory.event(other.room_alias), 'a message');
    await refusedAs('SW_NOT_MEMBER', mallory.membership(other.room_alias, 'leave'), 'a leave that would lift the ban');
  });
});

function contentOf(jws: string): JsonObject {
  return (JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')) as { content: JsonObject }).content;
}
