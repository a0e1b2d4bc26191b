import { expect } from 'chai';
import { logNameOf, parseEventId, parseFqid, parseRoomId, parseServerName, parseWireEventId } from '../../../src/kernel/ids.js';
import type { Parcel } from '../../../src/lanes/build-batch.js';
import type { CheckedResult } from '../../../src/lanes/check-receipts.js';
import type { Reach, Submission, Work } from '../../../src/lanes/peer-work.js';
import { readResults, type Outcome, type ReadingAid } from '../../../src/lanes/read-results.js';
import type { WireItem } from '../../../src/protocol/send.js';
import type { PlacedEntryRow } from '../../../src/store/repositories/entry-row.js';
import type { DueLane } from '../../../src/store/repositories/lanes.repository.js';

const ROOM = parseRoomId('room-00000000-0000-4000-8000-000000000001');
const B = parseServerName('b.example');
const NOW_MS = 1_000_000;
const RUN: WireItem = { kind: 'log', room: `!${ROOM}:a.example`, first_seq: 7, prev_hash: '', entries: [], head: 'our head' };

const LANE: DueLane = {
  room_id: ROOM, consumer_id: 'peer:b.example', log_name: logNameOf(ROOM, parseServerName('a.example')), mode: 'log', cursor: 6, head_seq: 7, head_hash: Buffer.alloc(32), end_seq: null,
  receipt: 6, receipt_hash: null, receipt_jws: null, frozen: null, proof: null, own_proof: null, generation: 1, refused_code: null, refused_times: 0, run_limit: null,
  rest_until: null, accepted_at: null,
};

const HELD: Reach = { intervals: [{ from_seq: 1, to_seq: null }], news: false };

function answered(result: CheckedResult, lane: Partial<DueLane> = {}, reach = HELD): Outcome {
  const parcel: Parcel = { work: { kind: 'log', lane: { ...LANE, ...lane }, prevHash: Buffer.alloc(32), rows: [], withheld: new Map() }, items: [RUN], rows: [] };
  return readResults(parcel, [result], aidWith(reach));
}

/** The answer to news of one place. */
function answeredNews(result: CheckedResult, lane: Partial<DueLane>, reach: Reach): Outcome {
  const entry = { row: { seq: LANE.head_seq } as PlacedEntryRow, prevHash: Buffer.alloc(32) };
  const about = { name: null, topic: null, type: 'group' as const, member_count: 1 };
  const work: Parcel['work'] = { kind: 'member', lane: { ...LANE, mode: 'invited', ...lane }, entries: [entry], about, scannedTo: LANE.head_seq };
  return readResults({ work, items: [{} as WireItem], rows: [] }, [result], aidWith(reach));
}

const aidWith = (reach: Reach): ReadingAid => ({ nowMs: NOW_MS, randomness: { fraction: () => 0.5 }, reach: new Map([[ROOM, reach]]) });
const stored = (seq: number): CheckedResult => ({ status: 'stored', seq, hash: Buffer.alloc(32), receipt: 'signed' });

describe('The answer of a mirror', () => {
  it('moves the cursor to the place that its receipt proves, and clears what was wrong before', () => {
    const { move, more } = answered(stored(7), { refused_times: 2 });
    expect(move).to.include({ cursor: 7, receipt: 7, refusedTimes: 0, restUntil: null });
    expect(more).to.equal(false);
  });

  it('with a receipt of an earlier place is no answer: the room waits, and the better receipt is kept', () => {
    const { move, more } = answered(stored(6));
    expect(move).to.include({ cursor: 6, refusedTimes: 1 });
    expect(move).not.to.have.property('receipt');
    expect(move?.restUntil).to.be.greaterThan(NOW_MS);
    expect(more).to.equal(false);
  });

  it('that it has another log, or has frozen the room, stops the lane with what we signed and what it signed', () => {
    const told = (code: string): CheckedResult => ({ status: 'refused', code, message: 'No.', retryable: false });
    for (const code of ['SW_FED_CHAIN_FORK', 'SW_FED_LANE_FROZEN']) {
      const { move, alarm } = answered(told(code));
      expect({ frozen: move?.frozen, proof: move?.proof, ownProof: move?.ownProof, alarm }).to.deep.equal({ frozen: code, proof: undefined, ownProof: 'our head', alarm: code });
    }
    const { move } = answered({ status: 'contradiction', proof: 'their receipt' });
    expect(move).to.include({ frozen: 'SW_FED_CHAIN_FORK', proof: 'their receipt', ownProof: 'our head', cursor: 6 });
    const work: Work = { kind: 'start', lane: { ...LANE, mode: 'start' }, hash: Buffer.alloc(32), state: [] };
    const start = readResults({ work, items: [{ kind: 'start', start: 'our start', state: [] }], rows: [] }, [told('SW_FED_CHAIN_FORK')], aidWith(HELD));
    expect(start.move).to.include({ frozen: 'SW_FED_CHAIN_FORK', ownProof: 'our start' });
  });

  it('that it has less than it confirmed is followed at once the first time, and waited for when it comes again', () => {
    const first = answered({ status: 'gap', have_seq: 2 });
    expect(first.move).to.include({ cursor: 2, refusedTimes: 1, restUntil: null });
    expect(first.more).to.equal(true);
    const again = answered({ status: 'gap', have_seq: 1 }, { cursor: 2, refused_times: 1 });
    expect(again.move).to.include({ cursor: 1, refusedTimes: 2 });
    expect(again.move?.restUntil).to.be.greaterThan(NOW_MS);
    expect(again.more).to.equal(false);
  });

  describe('that was put out of the room', () => {
    const ended = { end_seq: 7, head_seq: 12 };
    const put = (intervals: Reach['intervals'], news: boolean): Reach => ({ intervals, news });

    it('leads the lane to news of its people, where some follow the end', () => {
      const { move, more } = answered(stored(7), ended, put([{ from_seq: 1, to_seq: 7 }], true));
      expect(move).to.include({ cursor: 7, receipt: 7, mode: 'invited', endSeq: null });
      expect(more).to.equal(true);
    });

    it('leads the lane to the start of the next interval, and to its end', () => {
      const back = { cursor: 8, receipt: 7, mode: 'start' };
      expect(answered(stored(7), ended, put([{ from_seq: 1, to_seq: 7 }, { from_seq: 9, to_seq: null }], true)).move).to.include({ ...back, endSeq: null });
      expect(answered(stored(7), ended, put([{ from_seq: 1, to_seq: 7 }, { from_seq: 9, to_seq: 11 }, { from_seq: 12, to_seq: null }], true)).move).to.include({ ...back, endSeq: 11 });
    });

    it('leaves the lane where it ends, where nothing of its people follows', () => {
      const { move, more } = answered(stored(7), ended, put([{ from_seq: 1, to_seq: 7 }], false));
      expect(move).to.include({ cursor: 7, mode: 'log' });
      expect(move).not.to.have.property('endSeq');
      expect(more).to.equal(false);
    });

    it('that it holds no such room ends what it is owed of it, but not while it may still read', () => {
      const gone: CheckedResult = { status: 'refused', code: 'SW_ROOM_NOT_FOUND', message: '', retryable: false };
      expect(answered(gone, { ...ended, cursor: 2 }, put([{ from_seq: 1, to_seq: 7 }], true)).move).to.include({ cursor: 7, mode: 'invited', endSeq: null });
      expect(answered(gone, { cursor: 2 }).move).to.include({ cursor: 2, refusedTimes: 1, refusedCode: 'SW_ROOM_NOT_FOUND' });
    });

    it('that news come after what is here leads back into the interval that it has not read to the end', () => {
      const { move, more } = answeredNews({ status: 'gap', have_seq: 3 }, { cursor: 6 }, put([{ from_seq: 1, to_seq: 5 }], false));
      expect(move).to.include({ cursor: 3, mode: 'log', endSeq: 5, refusedTimes: 1 });
      expect(more).to.equal(true);
    });

    it('that it lacks what it may not read holds nothing up', () => {
      const { move } = answeredNews({ status: 'gap', have_seq: 5 }, { cursor: 6 }, put([{ from_seq: 1, to_seq: 5 }], false));
      expect(move).to.include({ cursor: 7, refusedTimes: 0 });
      expect(move).not.to.have.property('mode');
    });
  });
});

describe('The answer of a home to what our people said', () => {
  const entry = (position: number): Submission => ({
    stream_position: position, room_id: ROOM, seq: null, at: null, event_id: parseEventId(`evt-00000000-0000-4000-8000-00000000000${position}`), origin: B, wire_id: parseWireEventId(ROOM.slice(5)),
    event_type: 'swp.room.message', sender: parseFqid('@bob:b.example'), sender_id: null, foreign_origin: null, target: null, event_hash: Buffer.alloc(32), dedupe_hash: Buffer.alloc(32), chain_hash: null,
    jws: 'signed', content: null, relates_to: null, via: [], state: 'pending', reason: null, redacted_by: null, origin_ts: 1, created_at: 1,
  });
  const submitted = (...results: readonly CheckedResult[]): Outcome => {
    const rows = results.map((_, index) => entry(index + 1));
    const work: Work = { kind: 'submit', lane: { ...LANE, mode: 'submit', cursor: 0, overdue: false }, rows };
    const items = rows.map(({ jws: event }) => ({ kind: 'event' as const, event }));
    return readResults({ work, items, rows }, results, aidWith(HELD));
  };
  const refused = (code: string, retryable: boolean): CheckedResult => ({ status: 'refused', code, message: 'No.', retryable });

  it('that it has another log refuses nothing and stops the lane after what it took, and authors are told', () => {
    const outcome = submitted({ status: 'accepted' }, refused('SW_FED_CHAIN_FORK', false), refused('SW_FED_CHAIN_FORK', false));
    expect(outcome).to.deep.include({ refusals: [], more: false, alarm: 'SW_FED_CHAIN_FORK', waiting: 'SW_FED_CHAIN_FORK' });
    expect(outcome.move).to.include({ frozen: 'SW_FED_CHAIN_FORK', ownProof: 'signed', cursor: 1, acceptedAt: NOW_MS });
  });

  it('that the room is frozen there lets the lane rest, and authors are told', () => {
    const outcome = submitted(refused('SW_FED_LANE_FROZEN', true));
    expect(outcome).to.deep.include({ refusals: [], waiting: 'SW_FED_LANE_FROZEN' });
    expect(outcome.move).to.include({ cursor: 0, refusedTimes: 1 }).and.not.have.property('frozen');
  });

  it('that is a refusal for good goes to its author, and the others go on', () => {
    const outcome = submitted(refused('SW_NOT_MEMBER', false), { status: 'accepted' });
    expect(outcome.refusals.map(({ code }) => code)).to.deep.equal(['SW_NOT_MEMBER']);
    expect(outcome).not.to.have.property('waiting');
    expect(outcome.move).to.include({ cursor: 2 });
  });
});
