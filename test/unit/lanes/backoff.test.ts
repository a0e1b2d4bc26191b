import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { doubling, peerBackoffMs } from '../../../src/lanes/backoff.js';

const DAY_MS = 86_400_000;

/** Attempts per day at a peer that never answers, each failing at once: the worst case. */
function attemptsPerDay(days: number, fraction: () => number): readonly number[] {
  const perDay: number[] = Array.from({ length: days }, () => 0);
  let nowMs = 0;
  for (let attempts = 1; nowMs < days * DAY_MS; attempts += 1) {
    const day = Math.floor(nowMs / DAY_MS);
    perDay[day] = (perDay[day] ?? 0) + 1;
    nowMs += peerBackoffMs(attempts, nowMs, { fraction });
  }
  return perDay;
}

describe('The wait after a failed attempt', () => {
  for (const [name, fraction] of [
    ['the shortest', () => 0],
    ['the longest', () => 0.999999],
    ['changing', (() => { let n = 0; return () => (n = (n + 0.618) % 1); })()],
  ] as const) {
    it(`makes at most 40 attempts on the first day and 24 on each later one, with ${name} jitter`, () => {
      const [first, ...later] = attemptsPerDay(29, fraction);
      expect(first).to.be.within(30, 40);
      for (const attempts of later) expect(attempts).to.be.within(23, 24);
    });
  }

  it('becomes one a day when the time is over for which events are held', () => {
    const perDay = attemptsPerDay(60, () => 0.5);
    for (const attempts of perDay.slice(32)) expect(attempts).to.equal(1);
  });

  it('begins at 2 s and ends at 1 h, each ±20 % on the way', () => {
    const fraction = { fraction: () => 0.5 };
    expect(peerBackoffMs(1, 0, fraction)).to.equal(2_000);
    expect(peerBackoffMs(2, 0, fraction)).to.equal(4_000);
    expect(peerBackoffMs(1, 0, { fraction: () => 0 })).to.equal(1_600);
    expect(peerBackoffMs(1, 0, { fraction: () => 0.999999 })).to.equal(2_400);
    expect(peerBackoffMs(50, 0, fraction)).to.equal(LIMITS.peerBackoffMaxMs);
  });

  it('stays a number however often it failed', () => {
    expect(doubling(1_000_000, 2_000, 5_000, { fraction: () => 0.5 })).to.equal(5_000);
    expect(doubling(0, 2_000, 5_000, { fraction: () => 0.5 })).to.equal(2_000);
  });
});
