import { expect } from 'chai';
import { parseStrictJson } from '../../src/protocol/strict-json.js';
import { fixture, outcome, type Vector } from '../support/fixtures.js';

interface Case extends Vector {
  readonly text?: string;
  readonly hex?: string;
  readonly expect: string;
}

describe('strict JSON (fixtures/strict-json.json)', () => {
  for (const vector of fixture<{ cases: Case[] }>('strict-json').cases) {
    it(`${vector.expect === 'ok' ? 'accepts' : 'refuses'} ${vector.why}`, async () => {
      const bytes = vector.hex === undefined ? Buffer.from(vector.text ?? '', 'utf8') : Buffer.from(vector.hex, 'hex');
      expect(await outcome(() => parseStrictJson(bytes))).to.equal(vector.expect);
      if (vector.expect === 'ok') expect(parseStrictJson(bytes)).to.deep.equal(JSON.parse(bytes.toString('utf8')));
    });
  }
});
