import { expect } from 'chai';
import fc from 'fast-check';
import { parseStrictJson } from '../../../src/protocol/strict-json.js';
import { outcome } from '../../support/fixtures.js';

const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const value = fc.jsonValue({ maxDepth: 6 }).map((json) => JSON.parse(JSON.stringify(json)) as unknown);

function isSafe(json: unknown): boolean {
  if (typeof json === 'number') return Math.abs(json) <= Number.MAX_SAFE_INTEGER;
  if (typeof json === 'string') return !json.includes('\0') && !/\p{Surrogate}/u.test(json);
  if (typeof json !== 'object' || json === null) return true;
  return Object.entries(json).every(([name, member]) => name !== '__proto__' && isSafe(name) && isSafe(member));
}

describe('strict JSON', () => {
  it('reads what JSON.parse reads, and refuses the rest, for any JSON value', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.boolean(), async (json, spaced) => {
        const bytes = Buffer.from(JSON.stringify(json, null, spaced ? 2 : 0));
        expect(await outcome(() => parseStrictJson(bytes))).to.equal(isSafe(json) ? 'ok' : 'SW_BAD_JSON');
        if (isSafe(json)) expect(parseStrictJson(bytes)).to.deep.equal(json);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses any repeated name, wherever it stands and whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.dictionary(text, value), value, async (name, members, json) => {
        fc.pre(name !== '__proto__');
        const inner = Object.entries({ ...members, [name]: json }).map(([key, member]) => `${JSON.stringify(key)}:${JSON.stringify(member)}`);
        const bytes = Buffer.from(`{"outer":[{${[...inner, `${JSON.stringify(name)}:1`].join(',')}}]}`);
        expect(await outcome(() => parseStrictJson(bytes))).to.equal('SW_BAD_JSON');
      }),
      { numRuns: 300 },
    );
  });

  it('accepts what it accepted, written again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ noNaN: true, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }), async (number) => {
        const again = Buffer.from(JSON.stringify(parseStrictJson(Buffer.from(JSON.stringify([number])))));
        expect(await outcome(() => parseStrictJson(again))).to.equal('ok');
      }),
    );
  });

  it('throws nothing but SW_BAD_JSON at any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        expect(await outcome(() => parseStrictJson(Buffer.from(bytes)))).to.be.oneOf(['ok', 'SW_BAD_JSON']);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes time in proportion to the bytes for texts made to hurt it', () => {
    const shapes: ((size: number) => string)[] = [
      (size) => `["${'\\\\'.repeat(size / 2)}"]`,
      (size) => `["${'\\"'.repeat(size / 2)}"]`,
      (size) => `["${'\\"'.repeat(size / 2)}`,
      (size) => `[${'"a",'.repeat(size / 4)}1]`,
      (size) => `["${'\\u0061'.repeat(size / 6)}"]`,
      (size) => `{${Array.from({ length: size / 12 }, (_, index) => `"k${String(index).padStart(7, '0')}":1`).join(',')}}`,
      (size) => ':'.repeat(size),
    ];
    for (const shape of shapes) {
      const small = timed(Buffer.from(shape(120_000)));
      const large = timed(Buffer.from(shape(960_000)));
      expect(large, shape(24)).to.be.below(8 * 6 * Math.max(small, 1));
    }
  });
});

function timed(bytes: Buffer): number {
  const runs = Array.from({ length: 3 }, () => {
    const began = performance.now();
    try {
      parseStrictJson(bytes);
    } catch {
      // Only the time matters.
    }
    return performance.now() - began;
  });
  return Math.min(...runs);
}
