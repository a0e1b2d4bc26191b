import { expect } from 'chai';
import { BRIDGE_RETRY_MS, LIMITS } from '../../../src/kernel/limits.js';
import { Breaker } from '../../../src/lanes/breaker.js';
import { busyWaitMs, retryAfterMs, retryWaitMs } from '../../../src/lanes/bridge-schedule.js';
import { outboundContent } from '../../../src/lanes/outbound-content.js';

const middle = { fraction: () => 0.5 };

describe('The waits of a bridge', () => {
  it('are those of the schedule, a fifth more or less', () => {
    for (const [index, wait] of BRIDGE_RETRY_MS.entries()) {
      expect(retryWaitMs(index + 1, middle)).to.equal(wait);
      expect(retryWaitMs(index + 1, { fraction: () => 0 })).to.equal(Math.round(wait * 0.8));
      expect(retryWaitMs(index + 1, { fraction: () => 1 })).to.equal(Math.round(wait * 1.2));
    }
  });

  it('come to an end after a failure, and never after "too many requests"', () => {
    expect(retryWaitMs(BRIDGE_RETRY_MS.length + 1, middle)).to.equal(undefined);
    expect(busyWaitMs(1_000, middle)).to.equal(BRIDGE_RETRY_MS.at(-1));
  });

  it('follow Retry-After up to an hour, in seconds or as a date', () => {
    const nowMs = Date.UTC(2031, 0, 1);
    expect(retryAfterMs('90', nowMs)).to.equal(90_000);
    expect(retryAfterMs('999999', nowMs)).to.equal(LIMITS.bridgeRetryAfterMaxMs);
    expect(retryAfterMs(new Date(nowMs + 5_000).toUTCString(), nowMs)).to.equal(5_000);
    for (const text of [undefined, '', 'soon', '-5x', 'Infinity', '0', new Date(nowMs - 5_000).toUTCString()]) expect(retryAfterMs(text, nowMs), String(text)).to.equal(undefined);
  });
});

describe('The breaker', () => {
  const failing = (breaker: Breaker, times: number, atMs: number): void => {
    for (let n = 0; n < times; n += 1) breaker.record('b', true, atMs + n);
  };

  it('opens after ten tries of which most failed, for longer each time', () => {
    const breaker = new Breaker();
    failing(breaker, 9, 0);
    expect(breaker.waitMs('b', 10)).to.equal(0);
    breaker.record('b', true, 10);
    expect(breaker.waitMs('b', 10)).to.equal(LIMITS.breakerOpenMs);
    breaker.record('b', true, 40_000);
    expect(breaker.waitMs('b', 40_000)).to.equal(2 * LIMITS.breakerOpenMs);
    for (let n = 0; n < 20; n += 1) breaker.record('b', true, 41_000 + n);
    expect(breaker.waitMs('b', 41_019)).to.equal(LIMITS.breakerOpenMaxMs);
  });

  it('stays closed for a few failures, for old ones, and for another receiver', () => {
    const breaker = new Breaker();
    for (let n = 0; n < 40; n += 1) breaker.record('b', n % 2 === 0, n);
    expect(breaker.waitMs('b', 40)).to.equal(0);
    failing(breaker, 9, 1_000_000);
    breaker.record('b', true, 1_000_000 + LIMITS.breakerWindowMs + 10);
    expect(breaker.waitMs('b', 1_300_100)).to.equal(0);
    expect(breaker.waitMs('c', 0)).to.equal(0);
  });
});

describe('A message on its way out', () => {
  it('has a text always, and nothing that only we can read', () => {
    const content = outboundContent({ msgtype: 'swp.image', url: 'x', mentions: ['p'], reply_to_event_id: 'evt-1', _imported_sender: {}, note: 1 }, 100);
    expect(content).to.deep.equal({ msgtype: 'swp.image', body: '[swp.image]', url: 'x', note: 1 });
    expect(outboundContent({}, 100)).to.deep.equal({ msgtype: 'swp.text', body: '[swp.text]' });
  });

  it('is cut to what the other side takes, between characters', () => {
    expect(outboundContent({ body: 'abcdef' }, 4)['body']).to.equal('abc…');
    expect(outboundContent({ body: 'ab👋cd' }, 4)['body']).to.equal('ab…');
    expect(outboundContent({ body: 'abcd' }, 4)['body']).to.equal('abcd');
  });
});
