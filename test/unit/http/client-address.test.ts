import { expect } from 'chai';
import { clientAddress } from '../../../src/http/client-address.js';

describe('whose rate a request counts for', () => {
  const trusted = (address: string): boolean => address === '127.0.0.1' || address === '10.0.0.1';

  const cases: readonly (readonly [title: string, socket: string, forwarded: string | undefined, whose: string | null])[] = [
    ['a stranger counts for itself', '203.0.113.1', undefined, '203.0.113.1'],
    ['a stranger cannot speak for another', '203.0.113.1', '198.51.100.1', '203.0.113.1'],
    ['a proxy speaks for the last one it names', '127.0.0.1', '198.51.100.1, 198.51.100.2', '198.51.100.2'],
    ['a proxy behind a proxy is passed over', '127.0.0.1', '198.51.100.1, 10.0.0.1', '198.51.100.1'],
    ['a proxy that names nobody is not limited', '127.0.0.1', undefined, null],
    ['a proxy that names no address is not limited', '127.0.0.1', '198.51.100.1, unknown', null],
    ['an IPv4 address is known in its IPv6 clothes', '::ffff:127.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
  ];
  for (const [title, socket, forwarded, whose] of cases) {
    it(title, () => {
      expect(clientAddress(socket, forwarded, trusted)).to.equal(whose);
    });
  }
});
