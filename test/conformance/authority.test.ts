import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { judge, voiceOf, type Act, type MemberStanding, type RelatedEvent, type RoomStanding } from '../../src/kernel/authority.js';
import { EVENT_TYPES, type JsonObject, type Membership } from '../../src/kernel/events.js';
import { parseFqid, parseServerName, serverOf, type Fqid } from '../../src/kernel/ids.js';
import { LIMITS } from '../../src/kernel/limits.js';

const PAGE = readFileSync(new URL('../../specs/protocol/authority.md', import.meta.url), 'utf8');

const HOME = parseServerName('a.example');
const NOW_MS = 1_800_000_000_000;
const POWERS = [0, 49, 50, 99, 100];
const OUTSIDE: readonly (Membership | undefined)[] = [undefined, 'invite', 'leave', 'ban', 'knock'];
const AUTHORS = { home: parseFqid('@alice:a.example'), foreign: parseFqid('@bob:b.example') };
const OTHER = parseFqid('@olga:a.example');
const ELSEWHERE = parseFqid('@nina:n.example');
const OPEN: RoomStanding = { home: HOME, creator: parseFqid('@carol:a.example'), type: 'group', state: 'open', federated: true, isPublic: false };
const UNKNOWN_TYPE = 'org.example.poll';

const EVERY_OTHER_TYPE = [...Object.values(EVENT_TYPES), 'any other type'].filter((type) => type !== EVENT_TYPES.member);

type Row = Readonly<Record<string, string>>;
/** What a phrase of the tables stands for: the parts of an act that it decides. */
type Facts = (author: Fqid, power: number) => Partial<Omit<Act, 'event' | 'sender'>> & { readonly content?: JsonObject; readonly sender?: Fqid };

/** The table under a heading, each row by the names of its columns; back-quotes are for the eye. */
function tableUnder(heading: string): readonly Row[] {
  const part = PAGE.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? expect.fail(`no part "${heading}"`);
  const cells = part.split('\n').filter((line) => line.startsWith('|')).map((line) => line.slice(1, -1).split('|').map((cell) => cell.replaceAll('`', '').trim()));
  const [names, , ...rows] = cells;
  if (names === undefined || rows.length === 0) throw new Error(`no table under "${heading}"`);
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ''])));
}

const CODES = new Map(tableUnder('Words of the tables').map((row) => [row['word'], row['code'] === '' ? undefined : row['code']]));

function codeOf(word: string | undefined): string | undefined {
  if (!CODES.has(word)) throw new Error(`the word "${word}" is not explained`);
  return CODES.get(word);
}

const IS_TYPE = new Set<string>(Object.values(EVENT_TYPES));

function typeOf(name: string | undefined): string {
  if (name === 'any other type') return UNKNOWN_TYPE;
  return name !== undefined && IS_TYPE.has(name) ? name : expect.fail(`no type ${name}`);
}

function membershipOf(word: string | undefined): string {
  return word === 'anything else' ? 'emperor' : (word ?? '');
}

function related(change: Partial<RelatedEvent>): Facts {
  return (author) => ({ related: { type: EVENT_TYPES.message, sender: author, at: NOW_MS, erased: false, ...change } });
}

function person(target: Fqid, standing: Partial<MemberStanding>, room: Partial<RoomStanding> = {}): Facts {
  return () => ({ content: { target }, target: { membership: undefined, power: 0, ...standing }, room: { ...OPEN, ...room } });
}

function power(standing: Partial<MemberStanding>, to: number): Facts {
  return () => ({ content: { target: OTHER, power_level: to }, target: { membership: 'join', power: 0, ...standing } });
}

function own(to: (power: number) => number): Facts {
  return (author, has) => ({ content: { target: author, power_level: to(has) }, target: { membership: 'join', power: has } });
}

const toState = (state: string): Facts => () => ({ content: { state } });

function ownRoom(state: string): Facts {
  return (author) => ({ content: { state }, room: { ...OPEN, creator: author } });
}

const bridgeOf = (author: Fqid): Fqid => parseFqid(`@bridge-1:${serverOf(author)}`);

const ABOUT: Readonly<Record<string, Facts>> = {
  'the room': () => ({}),
  'the room, to be closed': toState('closed'),
  'a room that the author made, to be closed': ownRoom('closed'),
  'a room that the author made, to be archived': ownRoom('archived'),
  'an own message': related({}),
  'an own message of 24 hours ago': related({ at: NOW_MS - LIMITS.editWindowMs }),
  'an own message of longer ago': related({ at: NOW_MS - LIMITS.editWindowMs - 1 }),
  'an own message that was redacted': related({ erased: true }),
  'an own edit': related({ type: EVENT_TYPES.edit }),
  'an own reaction': related({ type: EVENT_TYPES.reaction }),
  'an own redaction': related({ type: EVENT_TYPES.redaction }),
  'an own state entry': related({ type: EVENT_TYPES.topic }),
  'an own event of an unknown type': related({ type: UNKNOWN_TYPE }),
  "another's message": related({ sender: OTHER }),
  "another's edit": related({ type: EVENT_TYPES.edit, sender: OTHER }),
  "another's reaction": related({ type: EVENT_TYPES.reaction, sender: OTHER }),
  "another's event of an unknown type": related({ type: UNKNOWN_TYPE, sender: OTHER }),
  "another's state entry": related({ type: EVENT_TYPES.topic, sender: OTHER }),
  'nothing that is here': () => ({ related: undefined }),
  'oneself, to the same': own((has) => has),
  'oneself, to 0': own(() => 0),
  'oneself, one higher': own((has) => has + 1),
  'a member at 0, to 50': power({}, 50),
  'a member at 0, to 100': power({}, 100),
  'a member at 50, to 0': power({ power: 50 }, 0),
  'a member at 100, to 0': power({ power: 100 }, 0),
  'a person who is not in, to 50': power({ membership: 'leave' }, 50),
  "a bridge of the author's server": (author) => ({ content: { target: 'fingerprint', server: serverOf(author) } }),
  'a bridge of another server': () => ({ content: { target: 'fingerprint', server: 'z.example' } }),
  "a bridge member's own bridge": (author) => ({ sender: bridgeOf(author), content: { target: 'fingerprint', server: serverOf(author) } }),
  'a stranger of the home': person(OTHER, {}),
  'a stranger from elsewhere': person(ELSEWHERE, {}),
  'a stranger from elsewhere, in a room that is not federated': person(ELSEWHERE, {}, { federated: false }),
  'a person who left': person(OTHER, { membership: 'leave' }),
  'a person invited by the author': (author) => ({ ...person(OTHER, { membership: 'invite', invitedBy: author })(author, 0) }),
  'a person invited by another': person(OTHER, { membership: 'invite', invitedBy: ELSEWHERE }),
  'a member at 0': person(OTHER, { membership: 'join' }),
  'a member at 50': person(OTHER, { membership: 'join', power: 50 }),
  'a member at 100': person(OTHER, { membership: 'join', power: 100 }),
  'a banned person': person(OTHER, { membership: 'ban' }),
  'a banned person who kept 50': person(OTHER, { membership: 'ban', power: 50 }),
  'an invited person who kept 50': person(OTHER, { membership: 'invite', power: 50, invitedBy: ELSEWHERE }),
  oneself: (author, has) => ({ content: { target: author }, target: { membership: 'join', power: has } }),
};

function act(type: string, sender: Fqid, standing: MemberStanding, facts: ReturnType<Facts>, content: JsonObject = {}): Act {
  const { content: about = {}, sender: other, ...rest } = facts;
  return {
    room: OPEN,
    target: { membership: undefined, power: 0 },
    related: undefined,
    serverPresent: standing.membership === 'join',
    nowMs: NOW_MS,
    ...rest,
    event: { type, sender: other ?? sender, content: { ...about, ...content } },
    sender: standing,
  };
}

/** Every row with every author, membership and power that it speaks of. */
function walk(row: Row, type: string, content: JsonObject): void {
  const about = ABOUT[row['about'] ?? ''] ?? expect.fail(`the phrase "${row['about']}" is not known`);
  const authors = row['author'] === 'any' ? [AUTHORS.home, AUTHORS.foreign] : [row['author'] === 'home' ? AUTHORS.home : AUTHORS.foreign];
  for (const author of authors) {
    for (const has of POWERS) {
      const judged = (membership: Membership | undefined) => judge(act(type, author, { membership, power: has }, about(author, has), content));
      expect(judged('join'), `${author} joined at ${has}`).to.equal(codeOf(row[String(has)]));
      for (const membership of OUTSIDE) expect(judged(membership), `${author}, ${membership} at ${has}`).to.equal(codeOf(row['outside']));
    }
  }
}

describe('authority', () => {
  const acts = tableUnder('What members may write');
  const memberships = tableUnder('Whom members may bring in and put out');

  for (const row of acts) {
    it(`is as the page says: ${row['type']} about ${row['about']}, by ${row['author']}`, () => walk(row, typeOf(row['type']), {}));
  }

  for (const row of memberships) {
    const membership = membershipOf(row['membership']);
    it(`is as the page says: ${row['membership']} of ${row['about']}`, () => walk(row, EVENT_TYPES.member, { membership }));
  }

  it('has rows for every type, and for both kinds of author wherever they differ', () => {
    const listed = new Set([...acts.map((row) => row['type']), EVENT_TYPES.member, 'any other type']);
    expect([...listed]).to.have.members([...Object.values(EVENT_TYPES), 'any other type']);
    expect(new Set(memberships.map((row) => row['membership']))).to.deep.equal(new Set(['invite', 'join', 'leave', 'ban', 'knock', 'anything else']));
    for (const row of acts.filter(({ author }) => author !== 'any')) {
      const twin = acts.filter((other) => other['type'] === row['type'] && other['about'] === row['about']).map(({ author }) => author);
      expect(twin, row['type']).to.have.members(['home', 'foreign']);
    }
  });

  for (const row of tableUnder('Coming and going oneself')) {
    it(`is as the page says: one's own ${row['membership']}, ${row['room']}`, () => {
      const isBridge = row['room']?.includes('bridge member') ?? false;
      for (const plain of Object.values(AUTHORS)) {
        for (const has of POWERS) {
          for (const now of ['stranger', 'invite', 'join', 'leave', 'ban', 'knock']) {
            const sender = isBridge ? bridgeOf(plain) : plain;
            const standing = { membership: now === 'stranger' ? undefined : (now as Membership), power: has };
            const room = { ...OPEN, isPublic: row['room'] === 'public' };
            const serverPresent = !row['room']?.endsWith('has no person in');
            const given = act(EVENT_TYPES.member, sender, standing, { room, target: standing, serverPresent }, { target: sender, membership: row['membership'] ?? '' });
            expect(judge(given), `${sender}, ${now} at ${has}`).to.equal(codeOf(row[now]));
          }
        }
      }
    });
  }

  it('lets nobody into or out of a room of two but by their own leaving', () => {
    const dm = { ...OPEN, type: 'dm' as const };
    for (const author of Object.values(AUTHORS)) {
      for (const has of POWERS) {
        const standing: MemberStanding = { membership: 'join', power: has };
        const about = (membership: string, target: MemberStanding) => judge(act(EVENT_TYPES.member, author, standing, { room: dm, target }, { target: OTHER, membership }));
        expect(about('invite', { membership: undefined, power: 0 })).to.equal('SW_ROOM_TYPE_INVARIANT');
        expect(about('leave', { membership: 'join', power: 0 })).to.equal('SW_ROOM_TYPE_INVARIANT');
        expect(about('ban', { membership: 'join', power: 0 })).to.equal('SW_ROOM_TYPE_INVARIANT');
        const raise = act(EVENT_TYPES.powerLevels, author, standing, { room: dm, target: { membership: 'join', power: 0 } }, { target: OTHER, power_level: 0 });
        expect(judge(raise)).to.equal('SW_ROOM_TYPE_INVARIANT');
        expect(judge(act(EVENT_TYPES.member, author, standing, { room: dm, target: standing }, { target: author, membership: 'leave' }))).to.equal(undefined);
      }
    }
    expect(judge(act(EVENT_TYPES.member, voiceOf(HOME), { membership: undefined, power: 0 }, { room: dm }, { target: OTHER, membership: 'invite' })), 'by the voice').to.equal('SW_ROOM_TYPE_INVARIANT');
  });

  const frozen = tableUnder('Frozen rooms');
  for (const row of frozen) {
    it(`is as the page says in archived and closed rooms: ${row['type']}`, () => {
      const [name, membership = ''] = (row['type'] ?? '').split(', ');
      for (const author of Object.values(AUTHORS)) {
        for (const state of ['archived', 'closed'] as const) {
          const facts = (room: RoomStanding) => act(typeOf(name), author, { membership: 'join', power: 100 }, { room, related: { type: EVENT_TYPES.message, sender: author, at: NOW_MS, erased: false } }, { target: OTHER, membership });
          const expected = row[state] === 'judged' ? judge(facts(OPEN)) : codeOf(row[state]);
          expect(judge(facts({ ...OPEN, state })), `${author}, ${state}`).to.equal(expected);
        }
      }
    });
  }

  it('has a row for every type and membership of frozen rooms', () => {
    const moves = ['leave', 'invite', 'join', 'ban', 'knock'].map((membership) => `${EVENT_TYPES.member}, ${membership}`);
    expect(frozen.map((row) => row['type'])).to.have.members([...EVERY_OTHER_TYPE, ...moves]);
  });

  const voice = tableUnder('The voice of a room');
  it('gives the voice of a room what the page gives it, and nothing to the voice of another', () => {
    const moves = ['invite', 'leave', 'join', 'ban', 'knock', 'anything else'].map((word) => `${EVENT_TYPES.member}, ${word}`);
    expect(voice.map((row) => row['type'])).to.have.members([...EVERY_OTHER_TYPE, ...moves]);
    for (const row of voice) {
      const given = (sender: Fqid) => said(row, sender, {});
      expect(judge(given(voiceOf(HOME))), row['type']).to.equal(codeOf(row['voice']));
      expect(judge(given(voiceOf(parseServerName('b.example')))), `${row['type']} by another voice`).not.to.equal(undefined);
    }
  });

  it('lets the voice do in archived and closed rooms what the page leaves to everybody', () => {
    for (const row of voice.filter((one) => codeOf(one['voice']) === undefined)) {
      for (const state of ['archived', 'closed'] as const) {
        const cell = frozen.find(({ type }) => type === row['type'])?.[state];
        expect(judge(said(row, voiceOf(HOME), { room: { ...OPEN, state } })), `${row['type']}, ${state}`).to.equal(cell === 'judged' ? undefined : codeOf(cell));
      }
    }
  });

  /** What a row of these tables speaks of, by somebody who is no member. */
  function said({ type }: Row, sender: Fqid, facts: ReturnType<Facts>): Act {
    const [name, word] = (type ?? '').split(', ');
    return act(typeOf(name), sender, { membership: undefined, power: 0 }, facts, { target: OTHER, membership: membershipOf(word) });
  }

  for (const row of memberships.filter(({ membership }) => membership === 'invite')) {
    it(`judges an invitation by the voice like that of a member at 100: ${row['about']}`, () => {
      const about = ABOUT[row['about'] ?? ''] ?? expect.fail(`the phrase "${row['about']}" is not known`);
      const given = act(EVENT_TYPES.member, voiceOf(HOME), { membership: undefined, power: 0 }, about(voiceOf(HOME), 0), { membership: 'invite' });
      expect(judge(given)).to.equal(codeOf(row['100']));
    });
  }
});
