import { expect } from 'chai';
import { trustedProxies } from '../../../src/app/trusted-proxies.js';

describe('trusted proxies', () => {
  const isTrusted = trustedProxies(['127.0.0.0/8', '::1', '10.1.0.0/16', '203.0.113.7']);

  it('are the addresses and ranges that were named, in any spelling', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '10.1.255.1', '203.0.113.7']) {
      expect(isTrusted(address), address).to.equal(true);
    }
  });

  it('are nobody else', () => {
    for (const address of ['10.2.0.1', '203.0.113.8', '::2', 'not an address', '']) {
      expect(isTrusted(address), address).to.equal(false);
    }
  });
});
