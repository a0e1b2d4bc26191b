import { expect } from 'chai';
import { openAdmin } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { captureStderr } from '../support/captured-stderr.js';
import { columnsHolding } from '../support/database-search.js';
import { eventually, gateways, type Answer, type Gateway } from '../support/gateway.js';
import { TestScaigrid } from '../support/scaigrid.js';
import { MASTER_KEY_FOR_TESTS } from '../support/test-keys.js';

const [ADMIN, MEMBER] = ['mock:first:admin:tenant_admin', 'mock:first:ann'];
const SECOND = 'mock:second:admin:tenant_admin';
const KEY = 'sgk_of-the-first-tenant-4711';
const OTHER_KEY = 'sgk_of-the-second-tenant-0815';

interface Model {
  readonly slug: string;
  readonly status: string;
  readonly enabled: boolean;
  readonly is_default: boolean;
  readonly participant_id: string | null;
}

describe('what a tenant decides about AI', function () {
  this.timeout(60_000);
  const logs = { text: (): string => '', stop: (): void => undefined };
  const scaigrid = new TestScaigrid();
  const answers: string[] = [];
  let gateway: Gateway;
  let env: Readonly<Record<string, string>>;

  before(async () => {
    Object.assign(logs, captureStderr());
    await scaigrid.start();
    scaigrid.keys.set(KEY, { tenantId: 'tnt_first' }).set(OTHER_KEY, { tenantId: 'tnt_second' });
    env = { SCAIWAVE_SCAIGRID_URL: scaigrid.url, SCAIWAVE_EGRESS_ALLOW: scaigrid.address, SCAIWAVE_LOG_LEVEL: 'debug' };
    const [only] = await gateways(['first.example'], { env });
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    const admin = await openAdmin(operatorConfig());
    await admin.createTenant({ slug: 'second', name: 'Second', scaikeyTenantId: 'tnt_second', serverName: 'second.example', partnerId: undefined });
    await admin.close();
  });
  after(async () => {
    await gateway.end();
    await scaigrid.stop();
    logs.stop();
  });
  beforeEach(async () => {
    scaigrid.misbehave = undefined;
    scaigrid.models = ['openai/gpt-4o', 'tenant/acme/summarizer', 'plain'].map((slug) => ({ slug, display_name: slug }));
    await change({ enabled_models: [], default_model: null, scaigrid_auth_mode: 'per_user_exchange', scaigrid_api_key: KEY });
    scaigrid.asked.splice(0);
  });

  const operatorConfig = (): ReturnType<typeof loadConfig> => loadConfig({ SCAIWAVE_DB_URL: gateway.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_LOG_LEVEL: 'silent' });

  async function call(who: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await gateway.call(who, method, path, body);
    answers.push(JSON.stringify(answer));
    return answer;
  }
  async function ask<T = Record<string, unknown>>(who: string, method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: answer } = await call(who, method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status} ${JSON.stringify(answer.error)}`);
    return answer.data as T;
  }
  const code = async (who: string, method: string, path: string, body?: unknown): Promise<string> => {
    const { status, body: answer } = await call(who, method, path, body);
    return answer.error?.code ?? String(status);
  };
  const change = (body: unknown, who = ADMIN): Promise<Record<string, unknown>> => ask(who, 'PUT', '/v1/admin/ai-config', body);
  const config = (who = ADMIN): Promise<Record<string, unknown>> => ask(who, 'GET', '/v1/admin/ai-config');
  const nextTurn = (): Promise<unknown> => gateway.database.asOwner("update consumers set due_at = now() where consumer_id = 'duty:ai-usage' and not leased");
  const catalog = (query = '', who = ADMIN): Promise<Model[]> => ask(who, 'GET', `/v1/admin/models/catalog${query}`);

  describe('by its defaults', () => {
    it('keeps what a change does not name', async () => {
      await change({ enabled_models: ['openai/gpt-4o', 'plain'], default_model: 'plain', system_prompt_templates: [{ name: 'Friendly', prompt: 'Be friendly.' }] });
      const all = {
        default_model: 'plain', enabled_models: ['openai/gpt-4o', 'plain'], system_prompt_templates: [{ name: 'Friendly', prompt: 'Be friendly.' }],
        scaigrid_auth_mode: 'per_user_exchange', scaigrid_api_key_set: true,
      };
      expect(await config()).to.deep.equal(all);
      expect(await change({ scaigrid_auth_mode: 'service_token' })).to.deep.equal({ ...all, scaigrid_auth_mode: 'service_token' });
      expect(await change({})).to.deep.equal({ ...all, scaigrid_auth_mode: 'service_token' });
    });

    it('has a default that is enabled, or none', async () => {
      expect(await code(ADMIN, 'PUT', '/v1/admin/ai-config', { default_model: 'plain' })).to.equal('SW_AI_MODEL_DISABLED');
      await change({ enabled_models: ['plain'], default_model: 'plain' });
      expect(await change({ enabled_models: ['openai/gpt-4o'] })).to.include({ default_model: null });
      expect(await code(ADMIN, 'PUT', '/v1/admin/ai-config', { enabled_models: [], default_model: 'openai/gpt-4o' })).to.equal('SW_AI_MODEL_DISABLED');
      expect(await config()).to.deep.include({ enabled_models: ['openai/gpt-4o'] });
    });

    it('enables only what ScaiGrid offers, and keeps what it offered once', async () => {
      expect(await code(ADMIN, 'PUT', '/v1/admin/ai-config', { enabled_models: ['plain', 'made/up'] })).to.equal('SW_AI_MODEL_NOT_FOUND');
      await change({ enabled_models: ['plain'] });
      scaigrid.models = [{ slug: 'openai/gpt-4o', display_name: 'GPT' }];
      expect(await change({ scaigrid_api_key: KEY, enabled_models: ['plain', 'openai/gpt-4o'] })).to.deep.include({ enabled_models: ['plain', 'openai/gpt-4o'] });
    });

    it('asks with the key that it is given in the same change', async () => {
      scaigrid.asked.splice(0);
      await change({ scaigrid_api_key: OTHER_KEY, enabled_models: ['plain'] });
      expect(scaigrid.asked.map(({ key }) => key)).to.deep.equal([OTHER_KEY]);
    });

    it('takes what it is told while ScaiGrid cannot be asked', async () => {
      await change({ scaigrid_api_key: 'sgk_nobody-knows-this-key' });
      expect(await change({ enabled_models: ['made/up'] })).to.deep.include({ enabled_models: ['made/up'] });
    });

    for (const [what, body] of Object.entries<unknown>({
      'a mode that is none': { scaigrid_auth_mode: 'anybody' },
      'a model twice': { enabled_models: ['plain', 'plain'] },
      'a slug that walks': { enabled_models: ['openai/../plain'] },
      'a slug with an empty part': { default_model: 'openai//gpt' },
      'a key with a line break': { scaigrid_api_key: 'sgk_0123456789abcdef\r\nX: y' },
      'a key that is too short to be one': { scaigrid_api_key: 'sgk_1' },
      'a template without a prompt': { system_prompt_templates: [{ name: 'x' }] },
      'what only answers say': { scaigrid_api_key_set: true },
    })) {
      it(`refuses ${what}`, async () => {
        expect(await code(ADMIN, 'PUT', '/v1/admin/ai-config', body)).to.equal('SW_BAD_SCHEMA');
      });
    }

    it('needs a key for service_token, and keeps it while that is so', async () => {
      await change({ scaigrid_auth_mode: 'service_token' });
      expect(await code(ADMIN, 'PUT', '/v1/admin/ai-config', { scaigrid_api_key: null })).to.equal('SW_BAD_REQUEST');
      expect(await config()).to.include({ scaigrid_api_key_set: true });
      expect(await change({ scaigrid_api_key: null, scaigrid_auth_mode: 'per_user_exchange' })).to.include({ scaigrid_api_key_set: false });
      expect(await code(ADMIN, 'GET', '/v1/admin/models/catalog')).to.equal('SW_AI_NO_TOKEN');
    });

    it('is the tenant’s own: settings, key and catalogue', async () => {
      await change({ enabled_models: ['plain'] });
      expect(await config(SECOND)).to.deep.include({ enabled_models: [], scaigrid_api_key_set: false });
      await change({ scaigrid_api_key: OTHER_KEY }, SECOND);
      scaigrid.asked.splice(0);
      expect((await catalog('', SECOND)).filter(({ enabled }) => enabled)).to.deep.equal([]);
      expect(scaigrid.asked.map(({ key }) => key)).to.deep.equal([OTHER_KEY]);
      expect((await catalog()).filter(({ enabled }) => enabled).map(({ slug }) => slug)).to.deep.equal(['plain']);
    });
  });

  describe('by its models', () => {
    it('sees all that ScaiGrid offers, in pages, asking once a minute', async () => {
      scaigrid.models = Array.from({ length: 150 }, (_, index) => ({ slug: `maker/model-${index}`, display_name: `Model ${index}` }));
      await change({ scaigrid_api_key: KEY });
      scaigrid.asked.splice(0);
      const first = await call(ADMIN, 'GET', '/v1/admin/models/catalog?limit=100');
      expect(first.body.meta).to.deep.equal({ total: 150 });
      expect((await catalog('?limit=100&offset=100')).map(({ slug }) => slug)).to.have.members(scaigrid.models.slice(100).map(({ slug }) => slug));
      expect(scaigrid.asked).to.have.length(2);
    });

    it('enables and disables one, whatever slashes are in its name', async () => {
      expect(await ask(ADMIN, 'POST', '/v1/admin/models/tenant/acme/summarizer/enable')).to.deep.equal({ slug: 'tenant/acme/summarizer', enabled: true, is_default: false });
      await ask(ADMIN, 'POST', '/v1/admin/models/plain/enable');
      await ask(ADMIN, 'POST', '/v1/admin/models/plain/enable');
      await change({ default_model: 'tenant/acme/summarizer' });
      expect((await catalog()).map(({ slug, enabled, is_default }) => [slug, enabled, is_default])).to.deep.equal([['openai/gpt-4o', false, false], ['tenant/acme/summarizer', true, true], ['plain', true, false]]);
      expect(await ask(ADMIN, 'POST', '/v1/admin/models/tenant/acme/summarizer/disable')).to.include({ enabled: false, is_default: false });
      expect(await config()).to.deep.include({ enabled_models: ['plain'], default_model: null });
    });

    it('takes a name in any spelling that says the same, and none that hides a slash', async () => {
      expect(await code(ADMIN, 'POST', '/v1/admin/models/openai/gpt%2D4o/enable')).to.equal('200');
      expect(await code(ADMIN, 'POST', '/v1/admin/models/openai%2Fgpt-4o/enable')).to.equal('SW_BAD_REQUEST');
      expect(await code(ADMIN, 'POST', '/v1/admin/models/open%20ai/enable')).to.equal('SW_BAD_REQUEST');
      expect(await code(ADMIN, 'POST', '/v1/admin/models/enable')).to.equal('SW_NOT_FOUND');
      expect(await code(ADMIN, 'GET', '/v1/admin/models/plain/enable')).to.equal('SW_METHOD_NOT_ALLOWED');
    });

    it('is refused one that is not offered', async () => {
      expect(await code(ADMIN, 'POST', '/v1/admin/models/made/up/enable')).to.equal('SW_AI_MODEL_NOT_FOUND');
    });

    it('can take one out of use while ScaiGrid is away, and sees it marked when it is offered no longer', async () => {
      await change({ enabled_models: ['plain', 'openai/gpt-4o'] });
      scaigrid.models = [{ slug: 'openai/gpt-4o', display_name: 'GPT' }];
      await change({ scaigrid_api_key: KEY });
      expect((await catalog()).map(({ slug, status }) => [slug, status])).to.deep.equal([['openai/gpt-4o', 'active'], ['plain', 'withdrawn']]);
      await change({ scaigrid_api_key: KEY });
      scaigrid.misbehave = (response) => void response.destroy();
      expect(await code(ADMIN, 'GET', '/v1/admin/models/catalog')).to.equal('SW_AI_UNAVAILABLE');
      expect(await code(ADMIN, 'POST', '/v1/admin/models/plain/disable')).to.equal('200');
    });

    it('loses no word of those who decide at once', async () => {
      scaigrid.models = Array.from({ length: 20 }, (_, index) => ({ slug: `maker/model-${index}`, display_name: `Model ${index}` }));
      await change({ scaigrid_api_key: KEY });
      await Promise.all(scaigrid.models.map(({ slug }) => ask(ADMIN, 'POST', `/v1/admin/models/${slug}/enable`)));
      expect((await config())['enabled_models']).to.have.members(scaigrid.models.map(({ slug }) => slug));
    });
  });

  describe('by the participants of models', () => {
    const PATH = '/v1/admin/models/openai/gpt-4o/participant';

    it('makes the one of a model, and changes it without renaming it', async () => {
      const made = await ask<{ id: string }>(ADMIN, 'PUT', PATH, { local_id: 'code-helper', display_name: 'Code Helper', system_prompt: 'Be brief.', default_response_mode: 'streaming' });
      expect(made).to.deep.include({ participant_type: 'model', model_id: 'openai/gpt-4o', server_name: 'first.example', enabled: true, default_response_mode: 'streaming' });
      expect((await catalog()).find(({ slug }) => slug === 'openai/gpt-4o')?.participant_id).to.equal(made.id);
      expect(await ask(ADMIN, 'PUT', PATH, { enabled: false, display_name: 'Reviewer' })).to.deep.include({ id: made.id, local_id: 'code-helper', display_name: 'Reviewer', system_prompt: 'Be brief.', enabled: false });
      expect(await ask(ADMIN, 'PUT', PATH, { system_prompt: null })).to.deep.include({ system_prompt: null, enabled: false });
      expect(await code(ADMIN, 'PUT', PATH, { local_id: 'renamed' })).to.equal('SW_BAD_REQUEST');
      const people = await ask<{ id: string }[]>(MEMBER, 'GET', '/v1/directory/participants?type=model');
      expect(people.map(({ id }) => id)).to.deep.equal([made.id]);
    });

    it('needs a name for it, and one that is free', async () => {
      expect(await code(ADMIN, 'PUT', '/v1/admin/models/plain/participant', { display_name: 'Plain' })).to.equal('SW_BAD_REQUEST');
      await ask(MEMBER, 'GET', '/v1/me');
      for (const taken of ['ann', 'code-helper', 'bridge-x', 'gateway']) {
        expect(await code(ADMIN, 'POST', '/v1/admin/participants/model', { model_id: 'plain', local_id: taken, display_name: 'Plain' }), taken).to.equal('SW_TENANT_NAME_TAKEN');
      }
    });

    it('makes further ones of the same model, and takes no seat for them', async () => {
      const seats = async (): Promise<unknown> => (await gateway.database.asOwner("select participants from tenant_usage u join tenants t using (tenant_id) where t.slug = 'first'"))[0];
      const before = await seats();
      const another = await ask<{ id: string }>(ADMIN, 'POST', '/v1/admin/participants/model', { model_id: 'openai/gpt-4o', local_id: 'translator', display_name: 'Translator' });
      expect((await catalog()).find(({ slug }) => slug === 'openai/gpt-4o')?.participant_id).not.to.equal(another.id);
      expect(await seats()).to.deep.equal(before);
    });

    it('makes one main participant, however many ask at once', async () => {
      const asked = await Promise.all(Array.from({ length: 10 }, (_, index) => call(ADMIN, 'PUT', '/v1/admin/models/tenant/acme/summarizer/participant', { local_id: `summarizer-${index}` })));
      expect(asked.filter(({ status }) => status === 200)).to.have.length(1);
      expect(await gateway.database.asOwner("select 1 from model_participants where model = 'tenant/acme/summarizer'")).to.have.length(1);
    });
  });

  describe('by the prompt studio', () => {
    const TEMPLATES = { system_prompt_templates: [{ name: 'Short', prompt: 'Be short.' }] };
    const studio = (body: unknown): Promise<unknown> => ask(ADMIN, 'PUT', '/v1/admin/prompt-studio', body);
    beforeEach(() => studio({ enabled: false, allowlist: [] }));

    it('opens it to nobody while the flag is off', async () => {
      const { id } = await ask<{ id: string }>(MEMBER, 'GET', '/v1/me');
      await studio({ allowlist: [id] });
      for (const who of [MEMBER, ADMIN]) {
        expect(await ask(who, 'GET', '/v1/prompt-studio/access')).to.deep.equal({ allowed: false, code: 'SW_STUDIO_DISABLED' });
        expect(await code(who, 'PUT', '/v1/prompt-studio/templates', TEMPLATES)).to.equal('SW_STUDIO_DISABLED');
      }
    });

    it('opens it to administrators, and to those on the list, by id or by role', async () => {
      const { id } = await ask<{ id: string }>(MEMBER, 'GET', '/v1/me');
      expect(await studio({ enabled: true })).to.deep.equal({ enabled: true, allowlist: [] });
      expect(await ask(MEMBER, 'GET', '/v1/prompt-studio/access')).to.deep.equal({ allowed: false, code: 'SW_STUDIO_FORBIDDEN' });
      expect(await code(MEMBER, 'GET', '/v1/prompt-studio/templates')).to.equal('SW_STUDIO_FORBIDDEN');
      expect(await code(ADMIN, 'PUT', '/v1/prompt-studio/templates', { system_prompt_templates: [] })).to.equal('200');
      await studio({ allowlist: [id] });
      expect(await ask(MEMBER, 'PUT', '/v1/prompt-studio/templates', TEMPLATES)).to.deep.equal(TEMPLATES);
      expect(await config()).to.deep.include(TEMPLATES);
      expect(await code('mock:first:bob', 'PUT', '/v1/prompt-studio/templates', { system_prompt_templates: [] })).to.equal('SW_STUDIO_FORBIDDEN');
      await studio({ allowlist: ['member'] });
      expect(await ask('mock:first:bob', 'GET', '/v1/prompt-studio/access')).to.deep.equal({ allowed: true, code: null });
    });

    it('is the feature flag that everybody knows, and leaves the others alone', async () => {
      await gateway.database.asOwner(`update tenants set features = '{"other": {"kept": 1}, "prompt_studio": {"depth": 2}}' where slug = 'first'`);
      await studio({ enabled: true });
      expect(await gateway.database.asOwner("select features from tenants where slug = 'first'")).to.deep.equal([{ features: { other: { kept: 1 }, prompt_studio: { depth: 2, enabled: true } } }]);
    });

    it('takes features no farther than their bound', async () => {
      const full = { other: 'x'.repeat(LIMITS.featuresBytesMax - JSON.stringify({ other: '' }).length) };
      await gateway.database.asOwner("update tenants set features = $1 where slug = 'first'", [JSON.stringify(full)]);
      expect(await code(ADMIN, 'PUT', '/v1/admin/prompt-studio', { enabled: true })).to.equal('SW_BAD_SCHEMA');
      expect(await gateway.database.asOwner("select features from tenants where slug = 'first'")).to.deep.equal([{ features: full }]);
      await gateway.database.asOwner("update tenants set features = '{}' where slug = 'first'");
    });

    it('refuses a list of what is neither a role nor a person', async () => {
      expect(await code(ADMIN, 'PUT', '/v1/admin/prompt-studio', { allowlist: ['everybody'] })).to.equal('SW_BAD_SCHEMA');
    });
  });

  describe('by its key', () => {
    const usage = async (): Promise<{ tokens: number | null; last_error: string | null } | undefined> =>
      (await gateway.database.asOwner<{ tokens: number | null; last_error: string | null }>("select tokens::int, last_error from ai_usage join tenants using (tenant_id) where slug = 'first'"))[0];

    it('has its usage read by the clock, and at once again after a key that was refused', async () => {
      scaigrid.tokens.set('tnt_first', 500).set('tnt_second', 7);
      await change({ scaigrid_api_key: 'sgk_revoked-some-time-ago' });
      await eventually(async () => (await nextTurn(), (await usage())?.last_error === 'SW_AI_NO_TOKEN'));
      await change({ scaigrid_api_key: KEY });
      expect(await eventually(async () => (await nextTurn(), (await usage())?.tokens === 500 ? usage() : undefined))).to.deep.equal({ tokens: 500, last_error: null });
    });

    it('has one that opens for nobody else, and is not opened to tell that it is there', async () => {
      await change({ scaigrid_api_key: OTHER_KEY }, SECOND);
      await gateway.database.asOwner("update tenants set sealed_ai_key = (select sealed_ai_key from tenants where slug = 'first') where slug = 'second'");
      expect(await code(SECOND, 'GET', '/v1/admin/models/catalog')).to.equal('SW_INTERNAL');
      expect(await config(SECOND)).to.include({ scaigrid_api_key_set: true });
      await change({ scaigrid_api_key: OTHER_KEY }, SECOND);
      expect(await code(SECOND, 'GET', '/v1/admin/models/catalog')).to.equal('200');
    });
  });

  describe('in the end', () => {
    it('has all of it in its audit, and nothing that people wrote', async () => {
      const rows = await gateway.database.asOwner<{ act: string; detail: unknown }>('select act, detail from audit');
      const acts = ['ai.config_changed', 'ai.key_set', 'ai.key_removed', 'ai.model_enabled', 'ai.model_disabled', 'ai.participant_created', 'ai.participant_configured', 'prompt_studio.changed', 'prompt_studio.templates_changed'];
      expect([...new Set(rows.map(({ act }) => act))]).to.include.members(acts);
      for (const wrote of ['Be friendly.', 'Be brief.', 'Be short.', '4711']) expect(JSON.stringify(rows), wrote).not.to.include(wrote);
    });

    it('shows operators the tokens of the month as they are known', async () => {
      scaigrid.tokens.set('tnt_first', 4_711).set('tnt_second', 815);
      await change({ scaigrid_api_key: OTHER_KEY }, SECOND);
      const known = 'select from ai_usage where tokens in (4711, 815)';
      await eventually(async () => (await nextTurn(), (await gateway.database.asOwner(known)).length === 2));
      const admin = await openAdmin(operatorConfig());
      await admin.createTenant({ slug: 'third', name: 'Third', scaikeyTenantId: 'tnt_third', serverName: 'third.example', partnerId: undefined });
      const shown = await admin.listTenants();
      await admin.close();
      expect(shown.map(({ slug, uses }) => [slug, uses['ai_tokens']?.used])).to.deep.equal([['first', 4_711], ['second', 815], ['third', null]]);
    });

    it('keeps the keys for ScaiGrid out of every table, answer and log line', async () => {
      await change({ scaigrid_api_key: KEY });
      await code(ADMIN, 'PUT', '/v1/admin/ai-config', { scaigrid_api_key: `${KEY} ` });
      await code(ADMIN, 'PUT', '/v1/admin/ai-config', { [KEY]: KEY });
      await catalog();
      expect(await columnsHolding(gateway.database, [KEY, OTHER_KEY, Buffer.from(KEY).toString('base64').replace(/=+$/, ''), Buffer.from(KEY).toString('hex')])).to.deep.equal([]);
      expect(answers.length).to.be.above(40);
      expect(answers.join('\n')).not.to.include(KEY);
      expect(logs.text()).to.include('"level":"debug"').and.not.include(KEY);
    });
  });
});
