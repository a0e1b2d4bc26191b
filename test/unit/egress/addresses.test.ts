import { expect } from 'chai';
import { classOf, parseAddress, type AddressClass } from '../../../src/egress/addresses.js';

const CASES: Readonly<Record<AddressClass, readonly string[]>> = {
  public: ['1.1.1.1', '8.8.8.8', '93.184.216.34', '172.15.255.255', '172.32.0.0', '100.63.255.255', '100.128.0.0', '2606:4700::1111', '2a00:1450::1', '::ffff:8.8.8.8'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12:3456::1', '::ffff:10.0.0.1', '::ffff:a00:1'],
  forbidden: [
    '0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.254', '169.254.0.1', '169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16',
    '192.0.0.192', '192.0.2.1', '192.88.99.1', '198.18.0.1', '198.51.100.7', '203.0.113.9', '224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255',
    '::', '::1', '::7f00:1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:169.254.169.254', '::ffff:0:127.0.0.1', '64:ff9b::127.0.0.1', '64:ff9b::a00:1',
    '64:ff9b:1::1', '2002:7f00:1::', '2002:a00:1::1', '2001:0:4136:e378::1', '2001:2::1', '2001:10::1', '2001:20::1', '2001:db8::1', '3fff::1', '100::1',
    '5f00::1', 'fe80::1', 'fec0::1', 'ff02::1', 'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', '4000::1', '8000::1',
  ],
};

describe('addresses', () => {
  for (const [kind, addresses] of Object.entries(CASES)) {
    for (const text of addresses) {
      it(`calls ${text} ${kind}`, () => {
        const address = parseAddress(text);
        expect(address && classOf(address)).to.equal(kind);
      });
    }
  }

  for (const text of ['', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '010.0.0.1', '1.2.3.4.5', '1.2.3', 'fe80::1%eth0', 'localhost', '[::1', '::1]', '1.2.3.4 ']) {
    it(`takes "${text}" for no address`, () => {
      expect(parseAddress(text)).to.equal(undefined);
    });
  }

  it('takes brackets off an IPv6 literal', () => {
    expect(parseAddress('[::1]')?.toString()).to.equal('::1');
  });
});
