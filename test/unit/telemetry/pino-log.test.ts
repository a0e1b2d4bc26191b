import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { mayBeLogged } from '../../../src/telemetry/log-fields.js';
import { pinoLog, type LogLevel } from '../../../src/telemetry/pino-log.js';

function logged(fields: object, level: LogLevel = 'info'): Record<string, unknown> {
  const lines: string[] = [];
  pinoLog(level, { write: (line) => lines.push(line) }).info(fields, 'said');
  return JSON.parse(lines[0] ?? '{}') as Record<string, unknown>;
}

describe('pino log', () => {
  it('writes one JSON line with level, time and message', () => {
    expect(logged({ tenantId: 't', count: 3 })).to.include({ level: 'info', msg: 'said', tenantId: 't', count: 3 }).and.have.property('time');
  });

  for (const field of ['token', 'authorization', 'body', 'content', 'payload', 'secret', 'headers', 'url', 'email', 'displayName', 'bearerTokenId', 'contentBytesText']) {
    it(`does not show the field ${field}`, () => {
      expect(JSON.stringify(logged({ [field]: 'hush' }))).not.to.contain('hush');
    });
  }

  it('does not show what is nested in a listed field', () => {
    expect(JSON.stringify(logged({ reason: { deep: 'hush' }, roles: [{ deep: 'hush' }] }))).not.to.contain('hush');
  });

  it('shows name, code, message and frames of an error and of its causes, and no other field of it', () => {
    const driver = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'hush', parameters: ['hush'] });
    const line = logged({ error: new GatewayError('SW_INTERNAL', 'append failed', { cause: driver }) });
    expect(line['error']).to.deep.include({ name: 'GatewayError', code: 'SW_INTERNAL', message: 'SW_INTERNAL: append failed' });
    expect(line['error']).to.have.nested.property('cause.code', '23505');
    expect(JSON.stringify(line)).not.to.contain('hush');
    expect(JSON.stringify(logged({ err: driver }))).to.contain('23505').and.not.contain('hush');
  });

  it('cuts long texts, never inside a character', () => {
    expect(String(logged({ reason: 'x'.repeat(5_000) })['reason']).length).to.be.lessThan(400);
    for (const before of ['', 'x']) expect(JSON.stringify(logged({ reason: before + '🦊'.repeat(500) }))).not.to.match(/\\ud/i);
  });

  it('is quiet below its level', () => {
    expect(logged({ count: 1 }, 'warn')).to.deep.equal({});
    expect(logged({ count: 1 }, 'silent')).to.deep.equal({});
  });

  it('lists every field that src/ logs', () => {
    const fields = sources('src').flatMap((source) => [...source.matchAll(/\blog\??\.(?:debug|info|warn|error)\(\s*\{([^{}]*)\}/g)].flatMap((call) => namesOf(call[1] ?? '')));
    expect([...new Set(fields)].filter((field) => !mayBeLogged(field))).to.deep.equal([]);
  });
});

function sources(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.map((file) => readFileSync(join(folder, file), 'utf8'));
}

/** Names of `a: 1, b, c: f(x)`: the word before a colon, or the word alone. */
function namesOf(members: string): string[] {
  const flat = members.replace(/\([^()]*\)|\[[^\]]*\]|'[^']*'|`[^`]*`/g, '');
  return flat.split(',').map((member) => member.split(':')[0]?.trim() ?? '').filter((name) => /^[A-Za-z]+$/.test(name));
}
