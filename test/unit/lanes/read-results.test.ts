import { expect } from 'chai';
import { logNameOf, parseRoomId, parseServerName } from '../../../src/kernel/ids.js';
import type { Parcel } from '../../../src/lanes/build-batch.js';
import type { CheckedResult } from '../../../src/lanes/check-receipts.js';
import { readResults, type Outcome } from '../../../src/lanes/read-results.js';
import type { DueLane } from '../../../src/store/repositories/lanes.repository.js';

const ROOM = parseRoomId('room-00000000-0000-4000-8000-000000000001');
const NOW_MS = 1_000_000;

const LANE: DueLane = {
  room_id: ROOM, consumer_id: 'peer:b.example', log_name: logNameOf(ROOM, parseServerName('a.example')), mode: 'log', cursor: 6, head_seq: 7, head_hash: Buffer.alloc(32), end_seq: null,
  receipt: 6, receipt_hash: null, receipt_jws: null, frozen: null, proof: null, generation: 1, refused_code: null, refused_times: 0, run_limit: null,
  rest_until: null, accepted_at: null,
};

function answered(result: CheckedResult, lane: Partial<DueLane> = {}): Outcome {
  const parcel: Parcel = { work: { kind: 'log', lane: { ...LANE, ...lane }, prevHash: Buffer.alloc(32), rows: [], withheld: new Map() }, items: [], rows: [] };
  return readResults(parcel, [result], { nowMs: NOW_MS, randomness: { fraction: () => 0.5 }, begins: new Map([[ROOM, [1]]]) });
}

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

  it('that it has less than it confirmed is followed at once the first time, and waited for when it comes again', () => {
    const first = answered({ status: 'gap', have_seq: 2 });
    expect(first.move).to.include({ cursor: 2, refusedTimes: 1, restUntil: null });
    expect(first.more).to.equal(true);
    const again = answered({ status: 'gap', have_seq: 1 }, { cursor: 2, refused_times: 1 });
    expect(again.move).to.include({ cursor: 1, refusedTimes: 2 });
    expect(again.move?.restUntil).to.be.greaterThan(NOW_MS);
    expect(again.more).to.equal(false);
  });
});
