import { expect } from 'chai';
import { problemAnswer } from '../../src/http/problem.js';
import { ERRORS, GatewayError, type ErrorCode } from '../../src/kernel/errors.js';
import { fixture, type Vector } from '../support/fixtures.js';
import { silentLog } from '../support/silent-ports.js';

interface Refusal extends Vector {
  readonly code: ErrorCode;
  readonly status: number;
  readonly again: 'retryable' | 'final';
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

const { cases } = fixture<{ cases: readonly Refusal[] }>('errors');

describe('refusals (fixtures/errors.json)', () => {
  it('are all there', () => {
    expect(cases.map(({ code }) => code)).to.have.members(Object.keys(ERRORS));
  });

  for (const { code, status, again, body, headers } of cases) {
    it(`${code} is sent as ${status}, ${again}`, () => {
      const refusal = new GatewayError(code, 'a note for the operator');
      const answer = problemAnswer(refusal, 'request-1', silentLog);
      expect({ status: answer.status, body: bodyOf(answer.body), headers: chosen(answer.headers) }).to.deep.equal({ status, body, headers });
      expect(refusal.retryable ? 'retryable' : 'final').to.equal(again);
    });
  }

  it('show nothing of a fault that nobody expected', () => {
    const bare = cases.find(({ code }) => code === 'SW_INTERNAL');
    const answer = problemAnswer(new Error('secret words'), 'request-1', silentLog);
    expect([answer.status, bodyOf(answer.body)]).to.deep.equal([bare?.status, bare?.body]);
  });
});

function bodyOf(body: unknown): string {
  return Buffer.isBuffer(body) ? body.toString() : String(body);
}

/** The headers that a refusal is known by. */
function chosen(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name === 'retry-after' || name === 'www-authenticate'));
}
