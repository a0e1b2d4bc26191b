import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { ERRORS, type ErrorCode } from '../../../src/kernel/errors.js';
import { EVENT_TYPES } from '../../../src/kernel/events.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { ItemResult } from '../../../src/protocol/send-answer.js';
import { FakePeer } from '../../support/fake-peer.js';
import { federatedRoom, headOf, heard, invitationTo, invitationsOf, joinedRoom, memberships, PATIENCE_MS } from '../../support/federated.js';
import { eventually, gateways, type Gateway } from '../../support/gateway.js';
import { HostileHome } from '../../support/hostile-home.js';
import { HostilePeer } from '../../support/hostile-peer.js';
import { Person } from '../../support/people.js';
import { rowCounts } from '../../support/row-counts.js';

const MALLORY = '@mallory:m.example';

describe('a run that m.example pushes to a.example', function () {
  this.timeout(60_000);
  let a: Gateway;
  let mallory: HostilePeer;
  let alice: Person;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' });
    alice = await Person.of(a, 'alice');
    await eventually(async () => (await mallory.batch(a, [])).body.error?.code !== 'SW_FED_PEER_UNKNOWN', PATIENCE_MS);
  });
  after(async () => {
    await a.end();
    await mallory.close();
  });

  const send = async (item: object): Promise<ItemResult> => (await mallory.results(a, [item]))[0] ?? expect.fail('no result');
  const refusedAs = async (code: ErrorCode, item: object, why: string): Promise<void> => {
    const before = await rowCounts(a);
    expect(await send(item), why).to.include({ status: 'refused', code, retryable: ERRORS[code].retryable });
    expect(await rowCounts(a), why).to.deep.equal(before);
  };
  /** Invites alice, who accepts; the home places her join and begins. Answers with her room. */
  const mirrored = async (home: HostileHome): Promise<string> => {
    const invited = home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: alice.fqid }));
    expect(await send(home.news(invited))).to.include({ status: 'accepted' });
    await alice.do('POST', `/v1/invitations/${(await invitationTo(alice, home.log)).id}/accept`);
    const [join] = await eventually(async () => {
      const items = mallory.items('event', home.log);
      return items.length > 0 ? items : undefined;
    }, PATIENCE_MS);
    home.add(join?.event ?? '');
    expect(await send(home.start(invited - 1))).to.deep.equal({ status: 'accepted' });
    expect(await send(home.run(invited))).to.include({ status: 'stored' });
    return (await joinedRoom(alice, home.log)).id;
  };

  it('is stored if it is as it should be, and receipted', async () => {
    const home = new HostileHome(mallory).found();
    const room = await mirrored(home);
    const first = home.say('hello');
    const result = await send(home.run(first));
    expect(result).to.include({ status: 'stored' });
    await heard(alice, room, 'hello');
    expect(await memberships(alice, room)).to.deep.equal({ [MALLORY]: 'join', [alice.fqid]: 'join' });
    const before = await rowCounts(a);
    expect(await send(home.run(first))).to.include({ status: 'stored' });
    expect(await rowCounts(a), 'the same again changes nothing').to.deep.equal(before);
  });

  it('of a room that nobody here asked for is refused, and so are its start and news of strangers', async () => {
    const home = new HostileHome(mallory).found();
    home.say('unasked');
    await refusedAs('SW_ROOM_NOT_FOUND', home.run(1), 'a run');
    await refusedAs('SW_ROOM_NOT_FOUND', home.start(2), 'a start');
    const stranger = home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: '@nobody:a.example' }));
    await refusedAs('SW_PARTICIPANT_NOT_FOUND', home.news(stranger), 'an invitation of nobody');
    const elsewhere = home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: '@bob:b.example' }));
    await refusedAs('SW_FED_EVENT_INVALID', home.news(elsewhere), 'an invitation for another server');
  });

  it('of a room whose home is another is refused', async () => {
    const own = await federatedRoom(alice);
    const first = { kind: 'log', room: own.room_alias, first_seq: 1, prev_hash: '0'.repeat(64), entries: [{ seq: 1, at: 1, event: mallory.event(own.room_alias) }] };
    const home = new HostileHome(mallory).found();
    await refusedAs('SW_FED_CHAIN_INVALID', { ...first, head: home.head() }, 'a run of our own room under a head of another');
    const b = new HostileHome(mallory, [], own.room_alias as HostileHome['log']);
    b.say('of a.example');
    await refusedAs('SW_FED_HEAD_INVALID', b.run(1), 'a run of our own room under their head');
    await refusedAs('SW_FED_START_INVALID', b.start(1), 'a start of our own room');
  });

  it('that does not follow from its chain is refused whole', async () => {
    const home = new HostileHome(mallory).found();
    const room = await mirrored(home);
    const first = home.say('one');
    home.say('two');
    home.say('three');
    const run = home.run(first);
    const [one, two, three] = run.entries;
    const other = { ...two, event: mallory.event(home.log) };
    await refusedAs('SW_FED_CHAIN_INVALID', { ...run, entries: [one, other, three] }, 'an entry exchanged');
    await refusedAs('SW_FED_CHAIN_INVALID', { ...run, entries: [one, three] }, 'an entry left out');
    await refusedAs('SW_FED_CHAIN_INVALID', { ...run, entries: [two, one, three] }, 'entries in another order');
    await refusedAs('SW_FED_CHAIN_INVALID', { ...run, entries: [{ ...one, at: 1 + (one?.at ?? 0) }, two, three] }, 'another time');
    await refusedAs('SW_FED_CHAIN_INVALID', { ...run, head: home.head(first + 1) }, 'a head of another place');
    await refusedAs('SW_FED_CHAIN_INVALID', { ...run, room: new HostileHome(mallory).log }, 'another room');
    await refusedAs('SW_BAD_SCHEMA', { ...run, entries: [] }, 'no entries');
    expect(await alice.hears(room)).to.deep.equal([]);
  });

  it('under a head that its home did not sign, or that is dated ahead, is refused', async () => {
    const home = new HostileHome(mallory).found();
    await mirrored(home);
    const first = home.say('one');
    const run = home.run(first);
    const [header, , signature] = run.head.split('.');
    const [, payload] = home.head(first, mallory.fake.current, Date.now() - 1_000).split('.');
    await refusedAs('SW_FED_HEAD_INVALID', { ...run, head: [header, payload, signature].join('.') }, 'a signature of another payload');
    await refusedAs('SW_FED_KEY_UNKNOWN', { ...run, head: home.head(first, new FakePeer('m.example', () => Date.now()).current) }, 'a key that is not shown');
    await refusedAs('SW_FED_HEAD_INVALID', { ...run, head: home.head(first, new FakePeer('n.example', () => Date.now()).current) }, 'a key of another server');
    await refusedAs('SW_FED_HEAD_INVALID', { ...run, head: home.head(first, mallory.fake.current, Date.now() + 70_000) }, 'a date ahead');
  });

  it('that begins beyond what is here is answered with the place to go back to', async () => {
    const home = new HostileHome(mallory).found();
    const room = await mirrored(home);
    const have = home.headSeq;
    home.say('missed');
    const later = home.say('later');
    const before = await rowCounts(a);
    expect(await send(home.run(later))).to.deep.equal({ status: 'gap', have_seq: have });
    expect(await rowCounts(a)).to.deep.equal(before);
    expect(await send(home.run(have + 1))).to.include({ status: 'stored' });
    await heard(alice, room, 'later');
  });

  it('that contradicts the log held here freezes the room: nothing is overwritten, and nothing more is taken', async () => {
    const home = new HostileHome(mallory).found();
    const room = await mirrored(home);
    const other = home.fork();
    const first = home.say('the one history');
    expect(await send(home.run(first))).to.include({ status: 'stored' });
    const head = await headOf(a, home.log);
    other.say('the other history');
    await refusedAs('SW_FED_CHAIN_FORK', other.run(first), 'another entry in a place that is taken');
    home.say('too late');
    await refusedAs('SW_FED_LANE_FROZEN', home.run(first + 1), 'even the true one');
    expect(await headOf(a, home.log)).to.deep.equal(head);
    expect(await alice.hears(room)).to.deep.equal(['the one history']);
    const [row] = await a.database.asOwner<{ frozen: string }>('select frozen from rooms where log_name = $1', [home.log]);
    expect(row?.frozen).to.equal('SW_FED_CHAIN_FORK');
    const seen = await a.ask<{ code: string }[]>('admin', 'GET', '/v1/admin/federation/rejections?limit=200');
    expect(seen.map(({ code }) => code)).to.include.members(['SW_FED_CHAIN_FORK']);
  });

  it('whose next place forks from what is here freezes as well', async () => {
    const home = new HostileHome(mallory).found();
    await mirrored(home);
    const other = home.fork();
    const first = home.say('ours');
    expect(await send(home.run(first))).to.include({ status: 'stored' });
    other.say('theirs');
    const next = other.say('and on');
    await refusedAs('SW_FED_CHAIN_FORK', other.run(next), 'a run after another history');
  });

  it('keeps its places where content cannot be kept: each is withheld with its code', async () => {
    const home = new HostileHome(mallory).found();
    const room = await mirrored(home);
    const id = randomUUID();
    const first = home.say('the first', { id });
    home.say('the second under its id', { id });
    home.add('no event at all');
    home.add(mallory.event(new HostileHome(mallory).log));
    home.add(mallory.event(home.log, { sender: '@nina:n.example', origin: 'n.example' }, new FakePeer('n.example', () => Date.now()).current));
    home.add(mallory.membership(home.log, 'join', { sender: MALLORY, target: '@walter:a.example' }));
    home.say('the last');
    const result = await send(home.run(first));
    expect(result).to.include({ status: 'stored' });
    const withheld = result.status === 'stored' ? result.withheld : [];
    expect(withheld.map(({ seq }) => seq - first)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(withheld.map(({ code }) => code)).to.deep.equal(['SW_FED_EVENT_CONFLICT', 'SW_FED_EVENT_INVALID', 'SW_FED_EVENT_INVALID', 'SW_FED_KEY_UNKNOWN', 'SW_FED_EVENT_INVALID']);
    expect(await alice.hears(room)).to.deep.equal(['the first', 'the last']);
    expect(await memberships(alice, room)).not.to.have.property('@walter:a.example');
    expect((await headOf(a, home.log)).head_seq).to.equal(String(home.headSeq));
  });

  it('cannot put words into our people’s mouths', async () => {
    const home = new HostileHome(mallory).found();
    const room = await mirrored(home);
    const first = home.add(mallory.event(home.log, { sender: alice.fqid, origin: 'a.example' }));
    const forged = new FakePeer('a.example', () => Date.now());
    home.add(mallory.event(home.log, { sender: alice.fqid, origin: 'a.example', content: { msgtype: 'swp.text', body: 'forged' } }, forged.current));
    const result = await send(home.run(first));
    expect(result.status === 'stored' ? result.withheld.length : 0).to.equal(2);
    expect(await alice.hears(room)).to.deep.equal([]);
  });

  it('cannot number an event of ours that was made for another room', async () => {
    const home = new HostileHome(mallory).found();
    const room = await mirrored(home);
    const other = await federatedRoom(alice);
    await alice.says(other.id, 'said at home');
    const [row] = await a.database.asOwner<{ jws: string }>("select jws from entries where content ->> 'body' = 'said at home'");
    const first = home.add(row?.jws ?? '');
    const result = await send(home.run(first));
    expect(result.status === 'stored' ? result.withheld : []).to.deep.equal([{ seq: first, code: 'SW_FED_EVENT_INVALID' }]);
    expect(await alice.hears(room)).to.deep.equal([]);
  });

  it('is not taken by a person’s room after they declined it', async () => {
    const home = new HostileHome(mallory).found();
    const invited = home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: alice.fqid }));
    await send(home.news(invited));
    await alice.do('POST', `/v1/invitations/${(await invitationTo(alice, home.log)).id}/decline`);
    await refusedAs('SW_ROOM_NOT_FOUND', home.start(invited - 1), 'a start');
    await refusedAs('SW_ROOM_NOT_FOUND', home.run(invited), 'a run');
    expect((await invitationsOf(alice)).map(({ room_alias }) => room_alias)).not.to.include(home.log);
  });

  it('about an invitation in the name of another is refused', async () => {
    const home = new HostileHome(mallory).found();
    const first = home.add(mallory.event(home.log, { type: EVENT_TYPES.member, sender: '@boss:n.example', origin: 'n.example', content: { target: alice.fqid, membership: 'invite' } }, new FakePeer('n.example', () => Date.now()).current));
    const before = await rowCounts(a);
    expect(await send(home.news(first))).to.include({ status: 'refused' });
    expect(await rowCounts(a)).to.deep.equal(before);
  });

  it('with a start that is not signed, or whose state is not what was signed, is refused', async () => {
    const home = new HostileHome(mallory).found();
    const invited = home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: alice.fqid }));
    await send(home.news(invited));
    await alice.do('POST', `/v1/invitations/${(await invitationTo(alice, home.log)).id}/accept`);
    await eventually(async () => mallory.items('event', home.log).length > 0, PATIENCE_MS);
    const start = home.start(invited - 1);
    await refusedAs('SW_FED_START_INVALID', { ...start, state: start.state.slice(1) }, 'an event left out');
    await refusedAs('SW_FED_START_INVALID', { ...start, state: [...start.state].reverse() }, 'another order');
    await refusedAs('SW_FED_START_INVALID', { ...start, state: [...start.state, ...start.state] }, 'repeated');
    const [header, payload] = start.start.split('.');
    const [, , signature] = home.start(invited - 2).start.split('.');
    await refusedAs('SW_FED_START_INVALID', { ...start, start: [header, payload, signature].join('.') }, 'the signature of another start');
    await refusedAs('SW_FED_KEY_UNKNOWN', home.start(invited - 1, new FakePeer('m.example', () => Date.now()).current), 'a key that is not shown');
    expect(await send(start)).to.deep.equal({ status: 'accepted' });
  });

  it('of what nobody here asked for is refused before a key that came along is proved', async () => {
    const home = new HostileHome(mallory).found();
    const stranger = home.add(mallory.membership(home.log, 'invite', { sender: MALLORY, target: '@nobody:a.example' }));
    for (let n = 0; n < 2; n += 1) {
      const results = await mallory.results(a, [home.run(1), home.start(2), home.news(stranger)], descriptors(LIMITS.carriedKeysPerMinute / 2 + 1));
      expect(results.map((result) => result.status === 'refused' && result.code)).to.deep.equal(['SW_ROOM_NOT_FOUND', 'SW_ROOM_NOT_FOUND', 'SW_PARTICIPANT_NOT_FOUND']);
    }
  });

  it('leaves no more invitations behind than a home may, taken back or not', async () => {
    const kept = (): Promise<readonly { status: string }[]> => a.database.asOwner<{ status: string }>("select status from invitations where home = 'm.example' and status <> 'accepted' order by created_at");
    const invite = (home: HostileHome, membership = 'invite'): Promise<ItemResult> => send(home.news(home.add(mallory.membership(home.log, membership, { sender: MALLORY, target: alice.fqid }))));
    const forget = (): Promise<unknown> => a.database.asOwner("delete from invitations where home = 'm.example' and status <> 'accepted'");
    await forget();
    const first = new HostileHome(mallory).found();
    expect(await invite(first)).to.include({ status: 'accepted' });
    await a.database.asOwner(
      `insert into invitations (tenant_id, invitation_id, participant_id, log_name, home, inviter, facts, status, changed_seq, created_at)
       select tenant_id, 'made-' || n, participant_id, '!made-' || n || ':m.example', home, inviter, facts, case n when 1 then 'revoked' else 'open' end, 1, created_at + n
       from invitations, generate_series(1, $1) n where log_name = $2`,
      [LIMITS.invitationsPerHomeMax - 1, first.log],
    );
    try {
      expect(await invite(new HostileHome(mallory).found()), 'in the place of one that ended').to.include({ status: 'accepted' });
      expect((await kept()).map(({ status }) => status)).to.deep.equal(new Array(LIMITS.invitationsPerHomeMax).fill('open'));
      expect(await invite(new HostileHome(mallory).found()), 'all are open').to.include({ status: 'refused', code: 'SW_FED_CAPACITY' });
      expect(await invite(first, 'leave')).to.include({ status: 'accepted' });
      expect(await invite(first), 'the same again').to.include({ status: 'accepted' });
      await a.database.asOwner("update invitations set status = 'accepted' where log_name = $1", [first.log]);
      expect(await invite(new HostileHome(mallory).found())).to.include({ status: 'accepted' });
      expect(await invite(first), 'one that was accepted comes back').to.include({ status: 'refused', code: 'SW_FED_CAPACITY' });
      expect(await kept()).to.have.length(LIMITS.invitationsPerHomeMax);
    } finally {
      await forget();
    }
  });
});

/** Of third servers that nobody has met, with so many keys at least. */
function descriptors(keys: number): readonly string[] {
  return Array.from({ length: Math.ceil(keys / LIMITS.keysPerServerMax) }, (_, index) => {
    const server = new FakePeer(`s${index}.example`, () => Date.now());
    for (let key = 1; key < LIMITS.keysPerServerMax; key += 1) server.rotate();
    return server.descriptor().jws;
  });
}
