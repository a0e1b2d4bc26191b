import { expect } from 'chai';
import { parseAddress } from '../../../src/egress/addresses.js';
import { AllowList } from '../../../src/egress/allow-list.js';

function allows(entries: readonly string[], address: string, port = 443): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined) throw new Error(`${address} is no address`);
  return AllowList.parse(entries).allows(parsed, port);
}

describe('egress allow list', () => {
  it('opens the private addresses of a network and nothing else', () => {
    expect(allows(['10.1.0.0/16'], '10.1.255.255')).to.equal(true);
    expect(allows(['10.1.0.0/16'], '10.2.0.0')).to.equal(false);
    expect(allows(['fd00::/8'], 'fd00:1::1')).to.equal(true);
    expect(allows(['10.0.0.0/8'], 'fd00:1::1')).to.equal(false);
  });

  it('does not open a metadata service by the network around it', () => {
    expect(allows(['100.64.0.0/10'], '100.64.0.1')).to.equal(true);
    expect(allows(['100.64.0.0/10'], '100.100.100.200')).to.equal(false);
    expect(allows(['fd00::/8'], 'fd00:ec2::254')).to.equal(false);
  });

  it('opens loopback and metadata only by name', () => {
    expect(allows(['127.0.0.1'], '127.0.0.1', 8081)).to.equal(true);
    expect(allows(['127.0.0.1'], '127.0.0.2')).to.equal(false);
    expect(allows(['169.254.169.254'], '169.254.169.254')).to.equal(true);
  });

  it('keeps an exact address with a port to that port', () => {
    expect(allows(['127.0.0.1:8081'], '127.0.0.1', 8081)).to.equal(true);
    expect(allows(['127.0.0.1:8081'], '127.0.0.1', 8082)).to.equal(false);
    expect(allows(['[::1]:8081'], '::1', 8081)).to.equal(true);
    expect(allows(['[::1]:8081'], '::1', 1)).to.equal(false);
  });

  it('knows an address in its mapped form', () => {
    expect(allows(['127.0.0.1'], '::ffff:127.0.0.1')).to.equal(true);
  });

  for (const entry of ['0.0.0.0/0', '::/0', '127.0.0.0/8', '169.254.0.0/16', '8.8.8.0/24', '10.0.0.0/33', 'localhost', '127.1', '127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:', ':80', '']) {
    it(`refuses the entry "${entry}"`, () => {
      expect(() => AllowList.parse([entry])).to.throw(`"${entry}"`);
    });
  }

  it('names all faults at once', () => {
    expect(() => AllowList.parse(['x', '10.0.0.0/8', 'y'])).to.throw(/"x".*"y"/);
  });
});
