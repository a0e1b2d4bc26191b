import { pbkdf2Sync, createHash, createHmac } from 'node:crypto';
import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { setPassword } from '../../../src/store/owner-roles.js';
import { quoted, rolesBeside, roleNames } from '../../../src/store/roles.js';
import { rolesOfUrl } from '../../../src/store/service-url.js';
import { StartRefusal } from '../../../src/store/start-refusal.js';

describe('role names', () => {
  it('are found beside the login of the service', () => {
    expect(rolesBeside('gw_app')).to.deep.equal({ owner: 'gw_owner', system: 'gw_system', app: 'gw_app' });
    expect(rolesOfUrl('postgresql://gw_app:p@db.example/gw')).to.deep.equal(roleNames('gw'));
  });

  for (const login of ['', '_app', 'postgres', 'gw_owner', 'gw_app2']) {
    it(`are refused beside "${login}", which is no login of a service`, () => {
      expect(() => rolesOfUrl(`postgresql://${login}@db.example/gw`)).to.throw(StartRefusal, /does not end in "_app"/);
    });
  }

  it('are refused when PostgreSQL would cut them, and so mix up two databases', () => {
    expect(() => roleNames('x'.repeat(57))).to.throw(GatewayError);
    expect(() => roleNames('')).to.throw(GatewayError);
  });

  it('cannot end the identifier they are written into', () => {
    expect(quoted('a"; drop table x; --')).to.equal('"a""; drop table x; --"');
  });
});

describe('a password', () => {
  it('becomes the verifier of RFC 5802, and is in no statement', async () => {
    const statements: string[] = [];
    const client = { query: async (text: string) => void statements.push(text) };
    const salt = Buffer.alloc(16, 7);
    await setPassword(client, 'gw_app', 'test-only-password', { bytes: () => salt });
    const salted = pbkdf2Sync('test-only-password', salt, 4096, 32, 'sha256');
    const stored = createHash('sha256').update(createHmac('sha256', salted).update('Client Key').digest()).digest('base64');
    const server = createHmac('sha256', salted).update('Server Key').digest('base64');
    expect(statements).to.deep.equal([
      `alter role "gw_app" password 'SCRAM-SHA-256$4096:${salt.toString('base64')}$${stored}:${server}'`,
    ]);
  });
});
