import { expect } from 'chai';
import { logThrown } from '../../../src/http/log-thrown.js';
import { ERRORS, GatewayError, type ErrorCode } from '../../../src/kernel/errors.js';
import { pinoLog } from '../../../src/telemetry/pino-log.js';

/** The line that is written for it. */
function lineOf(error: unknown): { readonly level: string; readonly text: string; readonly fields: Record<string, unknown> } {
  const lines: string[] = [];
  logThrown(error, 'request-1', pinoLog('debug', { write: (line) => lines.push(line) }));
  const [text, ...more] = lines;
  if (text === undefined || more.length > 0) throw new Error(`${lines.length} lines`);
  const fields = JSON.parse(text) as Record<string, unknown>;
  return { level: String(fields['level']), text, fields };
}

describe('what was thrown is logged', () => {
  const codes = Object.keys(ERRORS) as ErrorCode[];

  for (const code of codes) {
    const { status } = ERRORS[code];
    const level = status === 500 ? 'error' : status > 500 ? 'warn' : 'debug';
    it(`at ${level} for ${code} (${status})${level === 'error' ? '' : ', without frames'}`, () => {
      const line = lineOf(new GatewayError(code, 'for the operator', { cause: new Error('what lay below') }));
      expect(line.level).to.equal(level);
      expect(line.fields).to.include({ requestId: 'request-1', code });
      expect(line.text.includes('"frames"')).to.equal(level === 'error');
      expect(line.text).to.include('for the operator');
      if (level !== 'debug') expect(line.text).to.include('what lay below');
    });
  }

  it('at error, with frames, when it was no refusal', () => {
    const line = lineOf(new TypeError('x is not a function'));
    expect([line.level, line.text.includes('"frames"')]).to.deep.equal(['error', true]);
  });
});
