import { expect } from 'chai';
import { AddressBuckets } from '../../../src/http/address-buckets.js';

describe('the bucket of an address', () => {
  let now = 0;
  const buckets = (trackedMax = 10): AddressBuckets =>
    new AddressBuckets({ ratePerSecond: 2, burst: 3, trackedMax }, { monotonicMs: () => now });

  it('gives its burst, then says how long to wait', () => {
    const all = buckets();
    expect([1, 2, 3, 4].map(() => all.take('a'))).to.deep.equal([0, 0, 0, 1]);
  });

  it('fills with time, never beyond the burst', () => {
    const all = buckets();
    for (let taken = 0; taken < 3; taken += 1) all.take('a');
    now += 500;
    expect([all.take('a'), all.take('a')]).to.deep.equal([0, 1]);
    now += 3_600_000;
    expect([1, 2, 3, 4].map(() => all.take('a'))).to.deep.equal([0, 0, 0, 1]);
  });

  it('is not touched by other addresses', () => {
    const all = buckets();
    for (let taken = 0; taken < 5; taken += 1) all.take('a');
    expect(all.take('b')).to.equal(0);
  });

  it('is forgotten when too many others were seen since', () => {
    const all = buckets(2);
    for (let taken = 0; taken < 5; taken += 1) all.take('a');
    for (const address of ['b', 'c', 'd']) all.take(address);
    expect(all.take('a')).to.equal(0);
  });
});
