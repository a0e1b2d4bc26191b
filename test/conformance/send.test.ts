import { expect } from 'chai';
import { readSendAnswer } from '../../src/protocol/send-answer.js';
import { readSendBody, type SendBody } from '../../src/protocol/send.js';
import { contract, fixture, outcome, type Vector } from '../support/fixtures.js';

interface SendFile {
  readonly cases: readonly (Vector & { body: unknown; items?: readonly string[]; expect: string })[];
  readonly answers: readonly (Vector & { asked: number; data: unknown; expect: string })[];
}

const { cases, answers } = fixture<SendFile>('send');

describe('bodies of /send (fixtures/send.json)', () => {
  for (const vector of cases) {
    it(`${vector.expect === 'ok' ? 'reads' : 'refuses'} ${vector.why}`, async () => {
      const bytes = Buffer.from(JSON.stringify(vector.body));
      expect(await outcome(() => readSendBody(contract, bytes))).to.equal(vector.expect);
      if (vector.expect === 'ok') expect(judged(readSendBody(contract, bytes))).to.deep.equal(vector.items);
    });
  }
});

describe('answers to a batch (fixtures/send.json)', () => {
  for (const vector of answers) {
    it(`${vector.expect === 'ok' ? 'reads' : 'refuses'} ${vector.why}`, async () => {
      const answer = { data: vector.data, meta: {} };
      const batch = { batch_id: 'b-1', items: Array.from({ length: vector.asked }, () => ({})) };
      expect(await outcome(() => readSendAnswer(contract, answer, batch))).to.equal(vector.expect);
      if (vector.expect === 'ok') expect(readSendAnswer(contract, answer, batch)).to.have.length(vector.asked);
    });
  }
});

function judged(body: SendBody): string[] {
  if (body.kind === 'single') return ['single'];
  return body.items.map((item) => (item.ok ? item.item.kind : item.refusal.code));
}
