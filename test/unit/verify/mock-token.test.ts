import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { believingTokens, hybridTokens } from '../../../src/verify/user-token.js';

describe('made-up tokens', () => {
  const believe = believingTokens('first');

  for (const token of ['mock-dev-token', 'anything', 'eyJhbGciOiJub25lIn0.e30.']) {
    it(`takes "${token}" for the fixed test user`, async () => {
      expect(await believe(token)).to.deep.include({ tenant: { kind: 'slug', value: 'first' }, subject: 'mock-mock-user', role: 'tenant_admin', expiresAtMs: null });
    });
  }

  it('takes mock:<slug>:<local id> for that person, without power', async () => {
    expect(await believe('mock:acme:anna')).to.deep.include({ tenant: { kind: 'slug', value: 'acme' }, subject: 'mock-anna', username: 'anna', role: 'member' });
  });

  it('takes a role as the last word', async () => {
    expect(await believe('mock:acme:anna:super_admin')).to.have.property('role', 'super_admin');
  });

  it('takes a partner behind the role', async () => {
    expect(await believe('mock:acme:anna:partner_admin:prt_1')).to.include({ role: 'partner_admin', partnerId: 'prt_1' });
    expect(await believe('mock:acme:anna:partner_admin')).to.include({ role: 'partner_admin', partnerId: null });
  });

  for (const token of ['', 'mock:', 'mock:acme', 'mock:acme:', 'mock::anna', 'mock:ACME:anna', 'mock:acme:Anna', 'mock:acme:a b', 'mock:acme:anna:root', 'mock:acme:anna:member:x', 'mock:acme:anna:partner_admin:prt_1:x', 'x'.repeat(9_000)]) {
    it(`refuses "${token.slice(0, 30)}"`, async () => {
      const thrown = await believe(token).catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(GatewayError).with.property('code', 'SW_AUTH_INVALID_TOKEN');
    });
  }

  it('are believed in hybrid only in their documented form', async () => {
    const judged: string[] = [];
    const hybrid = hybridTokens(believe, async (token) => {
      judged.push(token);
      throw new GatewayError('SW_AUTH_INVALID_TOKEN', 'judged');
    });
    expect(await hybrid('mock-dev-token')).to.have.property('subject', 'mock-mock-user');
    expect(await hybrid('mock:acme:anna')).to.have.property('subject', 'mock-anna');
    for (const token of ['anything', 'a.b.c', '']) await hybrid(token).catch(() => undefined);
    expect(judged).to.deep.equal(['anything', 'a.b.c', '']);
  });
});
