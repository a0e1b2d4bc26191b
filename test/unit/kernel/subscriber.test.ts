import { expect } from 'chai';
import { subscriberOf } from '../../../src/kernel/subscriber.js';

describe('a subscriber', () => {
  it('is one for a whole IPv6 /64', () => {
    expect(subscriberOf('2001:db8:0:1::1')).to.equal(subscriberOf('2001:DB8::1:ffff:0:0:2'));
    expect(subscriberOf('2001:db8:0:1::1')).not.to.equal(subscriberOf('2001:db8:0:2::1'));
  });

  it('is one for each IPv4 address', () => {
    expect(subscriberOf('203.0.113.1')).not.to.equal(subscriberOf('203.0.113.2'));
  });
});
