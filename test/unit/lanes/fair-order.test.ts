import { expect } from 'chai';
import { fairOrder } from '../../../src/lanes/fair-order.js';
import { Slots } from '../../../src/lanes/slots.js';
import { systemRandomness, systemTimers } from '../../../src/kernel/system-ports.js';

describe('Work of many tenants', () => {
  it('comes with one of each tenant before the second of any', () => {
    const due = [...Array.from({ length: 50 }, (_, n) => ({ tenant_id: 'a', n })), { tenant_id: 'b', n: 0 }, { tenant_id: 'c', n: 0 }];
    const order = fairOrder(due, systemRandomness);
    expect(order.slice(0, 3).map((item) => item.tenant_id).sort()).to.deep.equal(['a', 'b', 'c']);
    expect(order).to.have.length(due.length);
  });

  it('leaves slots for others when one tenant could fill them all', () => {
    const slots = new Slots(4, 2);
    expect(slots.take('a', '1')).to.be.a('function');
    expect(slots.take('a', '2')).to.be.a('function');
    expect(slots.take('a', '3')).to.equal(undefined);
    expect(slots.take('b', '1')).to.be.a('function');
  });

  it('never runs the same work twice at once, and gives a slot back only once', () => {
    const slots = new Slots(2, 2);
    const release = slots.take('a', '1');
    expect(slots.take('a', '1')).to.equal(undefined);
    release?.();
    release?.();
    expect(slots.free).to.equal(2);
  });

  it('is drained when the last of it ends, and late when it does not', async () => {
    const slots = new Slots(2, 2);
    const release = slots.take('a', '1');
    expect(await slots.drained(systemTimers, 10)).to.equal(false);
    const drained = slots.drained(systemTimers, 5_000);
    release?.();
    expect(await drained).to.equal(true);
  });
});
