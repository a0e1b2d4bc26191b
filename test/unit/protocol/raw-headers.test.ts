import { expect } from 'chai';
import { checkHeaderBounds, singleHeaders } from '../../../src/protocol/raw-headers.js';
import { outcome } from '../../support/fixtures.js';

const names = ['signature', 'x-scaiwave-origin'] as const;
const refuse = (name: string): never => {
  throw new Error(`twice ${name}`);
};

describe('headers as they came', () => {
  it('are found whatever their case, and others are passed over', () => {
    const raw = ['Host', 'b.example', 'SIGNATURE', 'sw=:x:', 'Via', '1', 'Via', '2'];
    expect(singleHeaders(raw, names, refuse)).to.deep.equal({ signature: 'sw=:x:' });
  });

  it('are refused when one that is read occurs twice, in whatever case, even when empty', () => {
    expect(() => singleHeaders(['Signature', '', 'signature', 'b'], names, refuse)).to.throw('twice signature');
  });

  it('may be 100, and not 101', async () => {
    const list = (count: number): string[] => Array.from({ length: count }, (_, index) => [`x-${index}`, 'v']).flat();
    expect(await outcome(() => checkHeaderBounds(list(100)))).to.equal('ok');
    expect(await outcome(() => checkHeaderBounds(list(101)))).to.equal('SW_HEADERS_TOO_LARGE');
  });

  it('may have 16 KiB, and no more', async () => {
    expect(await outcome(() => checkHeaderBounds(['x', 'v'.repeat(16_383)]))).to.equal('ok');
    expect(await outcome(() => checkHeaderBounds(['x', 'v'.repeat(16_384)]))).to.equal('SW_HEADERS_TOO_LARGE');
  });
});
