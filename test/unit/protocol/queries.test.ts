import { expect } from 'chai';
import { readBackfill, readMembers, readProfile } from '../../../src/protocol/queries.js';
import type { WireRun } from '../../../src/protocol/run.js';
import { contract, fixture, outcome } from '../../support/fixtures.js';

const ROOM = '!room-7f1a9c52-3f0e-4b7e-9a35-0c5d6f3b1a01:a.example';
const [GOOD, , , , , , , ...REST] = fixture<{ cases: { run: WireRun; expect: string }[] }>('run').cases;
const WRONG = REST.find(({ expect: code }) => code === 'SW_FED_CHAIN_INVALID');
const member = { fqid: '@ada:a.example', display_name: 'Ada', avatar_url: null, membership: 'join', power_level: 100 };

describe('answers to questions', () => {
  it('reads a profile, a list of members and a run', () => {
    expect(readProfile(contract, { data: { fqid: '@ada:a.example', display_name: 'Ada', avatar_url: null } }).display_name).to.equal('Ada');
    expect(readMembers(contract, { data: { room: ROOM, members: [member] } }).members).to.have.length(1);
    const backfill = readBackfill(contract, { data: { room: ROOM, run: GOOD?.run, next_seq: 7, keys: [] } });
    expect(backfill.run?.entries).to.have.length(6);
    expect(backfill.nextSeq).to.equal(7);
  });

  it('reads that there is nothing to tell', () => {
    expect(readBackfill(contract, { data: { room: ROOM, run: null, next_seq: null, keys: [] } }).run).to.equal(null);
  });

  it('refuses a backfilled run by the same checks as a pushed one', async () => {
    const answer = { data: { room: ROOM, run: WRONG?.run, next_seq: null, keys: [] } };
    expect(await outcome(() => readBackfill(contract, answer))).to.equal('SW_FED_CHAIN_INVALID');
  });

  for (const [why, answer] of [
    ['nothing', undefined],
    ['no data', {}],
    ['a power above 100', { data: { room: ROOM, members: [{ ...member, power_level: 101 }] } }],
    ['a member without server', { data: { room: ROOM, members: [{ ...member, fqid: '@ada' }] } }],
    ['an unknown membership', { data: { room: ROOM, members: [{ ...member, membership: 'owner' }] } }],
  ] as const) {
    it(`refuses a list of members with ${why}`, async () => {
      expect(await outcome(() => readMembers(contract, answer))).to.equal('SW_FED_ANSWER_INVALID');
    });
  }
});
