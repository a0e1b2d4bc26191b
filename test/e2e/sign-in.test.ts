import { expect } from 'chai';
import { openAdmin } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { eventually, gateways, type Gateway } from '../support/gateway.js';
import { MASTER_KEY_FOR_TESTS } from '../support/test-keys.js';
import { testScaikey, type TestScaikey } from '../support/scaikey.js';

const ANNA = { tenantId: 'tnt_acme', subject: 'usr_anna', claims: { name: 'Anna', preferred_username: 'anna' } };

describe('signing in with tokens of ScaiKey', () => {
  let scaikey: TestScaikey;
  let node: Gateway;

  before(async () => {
    scaikey = await testScaikey();
    const env = {
      SCAIWAVE_PUBLIC_URL: 'https://chat.acme.example',
      SCAIWAVE_AUTH_MODE: 'scaikey',
      SCAIWAVE_SCAIKEY_URL: scaikey.url,
      SCAIWAVE_SCAIKEY_AUDIENCE: scaikey.clientId,
      SCAIWAVE_EGRESS_ALLOW: scaikey.url.slice('http://'.length),
    };
    const [only] = await gateways(['a.example'], { env });
    if (only === undefined) throw new Error('one gateway');
    node = only;
    const admin = await openAdmin(loadConfig({ ...env, SCAIWAVE_DB_URL: node.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_LOG_LEVEL: 'silent' }));
    await admin.createTenant({ slug: 'acme', name: 'Acme', scaikeyTenantId: 'tnt_acme', serverName: 'acme.example', partnerId: undefined });
    await admin.createTenant({ slug: 'other', name: 'Other', scaikeyTenantId: 'tnt_other', serverName: 'other.example', partnerId: undefined });
    await admin.createTenant({ slug: 'moving', name: 'Moving', scaikeyTenantId: 'tnt_early', serverName: 'moving.example', partnerId: undefined });
    await admin.close();
  });
  after(async () => {
    await node.end();
    await scaikey.close();
  });

  /** `gateway.call` takes a whole token when it holds a colon; these hold dots. */
  const me = async (token: string): Promise<{ status: number; body: { data?: unknown; error?: { code: string } } }> => {
    const response = await fetch(`${node.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: (await response.json()) as { data?: unknown; error?: { code: string } } };
  };

  it('tells a client, before it has a token, where to get one', async () => {
    const response = await fetch(`${node.url}/v1/auth/config`);
    expect([response.status, await response.json()]).to.deep.equal([
      200,
      {
        data: {
          issuer: scaikey.url,
          authorization_endpoint: `${scaikey.url}/api/v1/platform/oauth/authorize`,
          token_endpoint: `${scaikey.url}/api/v1/platform/oauth/token`,
          scopes_supported: ['openid', 'profile', 'email'],
          redirect_uri: 'https://chat.acme.example',
        },
        meta: {},
      },
    ]);
  });

  it('makes the person on first sign-in, in the tenant that the token names', async () => {
    const { body } = await me(await scaikey.token(ANNA));
    expect(body.data).to.deep.include({ server_name: 'acme.example', role: 'member' });
    expect((body.data as { tenant: { slug: string } }).tenant.slug).to.equal('acme');
  });

  it('finds the same person again', async () => {
    const [first, second] = [await me(await scaikey.token(ANNA)), await me(await scaikey.token(ANNA))];
    expect((second.body.data as { id: string }).id).to.equal((first.body.data as { id: string }).id);
  });

  it('makes one person of many first sign-ins at once', async () => {
    const token = await scaikey.token({ tenantId: 'tnt_acme', subject: 'usr_ben', claims: { preferred_username: 'ben' } });
    const answers = await Promise.all(Array.from({ length: 12 }, () => me(token)));
    expect(new Set(answers.map(({ body }) => (body.data as { id: string }).id)).size).to.equal(1);
  });

  it('gives the same subject of another tenant another person', async () => {
    const here = await me(await scaikey.token(ANNA));
    const there = await me(await scaikey.token({ ...ANNA, tenantId: 'tnt_other' }));
    expect((there.body.data as { id: string }).id).not.to.equal((here.body.data as { id: string }).id);
  });

  it('knows an administrator by the claim', async () => {
    const { body } = await me(await scaikey.token({ tenantId: 'tnt_acme', subject: 'usr_root', role: 'tenant_admin' }));
    expect(body.data).to.deep.include({ role: 'tenant_admin' });
  });

  it('refuses a tenant that is not here', async () => {
    const { status, body } = await me(await scaikey.token({ tenantId: 'tnt_nobody', subject: 'usr_x' }));
    expect([status, body.error?.code]).to.deep.equal([404, 'SW_TENANT_NOT_FOUND']);
  });

  it('refuses a token whose issuer names another tenant than its claim', async () => {
    const { status, body } = await me(await scaikey.token({ ...ANNA, claims: { tenant_id: 'tnt_other' } }));
    expect([status, body.error?.code]).to.deep.equal([401, 'SW_AUTH_INVALID_TOKEN']);
  });

  it('refuses made-up tokens', async () => {
    const { status, body } = await me('mock:acme:anna:tenant_admin');
    expect([status, body.error?.code]).to.deep.equal([401, 'SW_AUTH_INVALID_TOKEN']);
  });

  it('refuses a token of a tenant that has gone over to another of ScaiKey, from before that is known everywhere', async () => {
    const token = await scaikey.token({ tenantId: 'tnt_early', subject: 'usr_carl' });
    expect((await me(token)).status).to.equal(200);
    await node.database.asOwner("update tenants set scaikey_tenant_id = 'tnt_late' where slug = 'moving'");
    const refused = await eventually(async () => {
      const answer = await me(token);
      return answer.status !== 200 && answer;
    });
    expect([refused.status, refused.body.error?.code]).to.deep.equal([403, 'SW_AUTH_TENANT_MISMATCH']);
  });
});
