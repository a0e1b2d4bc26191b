import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { startNode } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { parseTenantId, type TenantId } from '../../src/kernel/ids.js';
import { systemRandomness } from '../../src/kernel/system-ports.js';
import { parseMasterKey } from '../../src/store/master-key.js';
import { StartRefusal } from '../../src/store/start-refusal.js';
import { Vault } from '../../src/store/vault.js';
import { bridgedCall, makeBridge, type MadeBridge } from '../support/bridged-call.js';
import { captureStderr } from '../support/captured-stderr.js';
import { columnsHolding } from '../support/database-search.js';
import { eventually, federatedPair, gateways, sharedRoom, type Gateway } from '../support/gateway.js';
import { Person } from '../support/people.js';
import { rawExchange } from '../support/raw-http.js';
import { scaikeyEvent, tell, TestScaikeyAdmin } from '../support/scaikey-admin.js';
import { MASTER_KEY_FOR_TESTS } from '../support/test-keys.js';
import { putRaw, request, seen } from '../support/uploads.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

/** What a link and one that was changed at its end have in common. */
const LINK_KNOWN_CHARS = 90;

const SERVICE_PASSWORDS = { redis: 'test-only-redis-4711', nats: 'test-only-nats-0815' } as const;

/** A secret in every form in which it could lie about. */
function formsOf(secret: Buffer | string): readonly string[] {
  const bytes = Buffer.from(secret);
  const forms = [bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')];
  return typeof secret === 'string' ? [secret, ...forms] : forms;
}

describe('the secrets of a node', function () {
  this.timeout(60_000);
  const logs = { text: (): string => '', stop: (): void => undefined };
  let scaikey: TestScaikeyAdmin;
  let receiver: WebhookReceiver;
  let a: Gateway;
  let b: Gateway;
  let bridge: MadeBridge;
  let secrets: Readonly<Record<string, readonly string[]>>;
  const answers: string[] = [];

  before(async () => {
    Object.assign(logs, captureStderr());
    scaikey = await TestScaikeyAdmin.start();
    scaikey.tenant('tnt_first');
    receiver = new WebhookReceiver();
    await receiver.start();
    // Nobody answers for Redis and NATS, so that all there is to say of them is said.
    const away = { SCAIWAVE_REDIS_URL: `redis://node:${SERVICE_PASSWORDS.redis}@127.0.0.1:1`, SCAIWAVE_NATS_URL: `nats://node:${SERVICE_PASSWORDS.nats}@127.0.0.1:1` };
    const env: Readonly<Record<string, string>> = { ...scaikey.env(), ...away, SCAIWAVE_AUTH_MODE: 'hybrid', SCAIWAVE_EGRESS_ALLOW: '127.0.0.1', SCAIWAVE_LOG_LEVEL: 'debug' };
    [a, b] = await federatedPair({ env });
    const token = await scaikey.identity.token({ tenantId: 'tnt_first', subject: 'usr_secretive' });
    await useEverything(token);
    const link = await useLink();
    await useScaikey();
    const clientSecret = env['SCAIWAVE_SCAIKEY_CLIENT_SECRET'] ?? '';
    secrets = {
      'a master key': [...formsOf(MASTER_KEY_FOR_TESTS), ...formsOf(Buffer.from(MASTER_KEY_FOR_TESTS, 'base64'))],
      'a bearer token': [token, token.split('.')[2] ?? token],
      'the secret of a bridge': [...formsOf(bridge.shared_secret), ...formsOf(Buffer.from(bridge.shared_secret.slice('whsec_'.length), 'base64'))],
      'a link to a file': [link, link.slice(0, LINK_KNOWN_CHARS)],
      'a signing key': (await seeds()).flatMap(formsOf),
      'the password of the database': [new URL(a.database.appUrl).password],
      'the password of Redis': formsOf(SERVICE_PASSWORDS.redis),
      'the password of NATS': formsOf(SERVICE_PASSWORDS.nats),
      "the secret of ScaiKey's client": [...formsOf(clientSecret), encodeURIComponent(clientSecret), new URLSearchParams({ s: clientSecret }).toString().slice(2)],
      "the secret of ScaiKey's webhooks": formsOf(scaikey.webhookSecret),
    };
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
    await receiver.stop();
    await scaikey.close();
    logs.stop();
  });

  /** Every kind of secret at work, and in the hands of those who get refused. */
  async function useEverything(token: string): Promise<void> {
    const bearer = async (path: string, given: string, init: RequestInit = {}): Promise<void> => {
      const response = await fetch(a.url + path, { ...init, headers: { authorization: `Bearer ${given}`, 'content-type': 'application/json' } });
      answers.push(`${JSON.stringify([...response.headers])} ${await response.text()}`);
    };
    const room = await sharedRoom(a, b);
    bridge = await makeBridge(a, room.home, receiver.url);
    await eventually(async () => (await bridgedCall(bridge, 'm-1', 'from the other side')) === 200);
    await (await Person.of(a, 'admin')).says(room.home, 'to the other side');
    await eventually(async () => receiver.bodies.includes('to the other side'));
    await bearer('/v1/me', token);
    await bearer('/v1/me', `${token.slice(0, -8)}tampered`);
    await bearer(`/v1/rooms/${room.home}/send`, token, { method: 'POST', body: '{"content":{"body":"\\u0000"}}' });
    await bearer(`/v1/rooms/${room.home}/send`, token, { method: 'POST', body: 'no json' });
    await bearer(`/v1/bridges/${bridge.id}/inbound`, bridge.shared_secret, { method: 'POST', body: '{}' });
    await bearer(`/v1/admin/bridges/${bridge.id}`, 'mock:first:admin:tenant_admin');
    await bearer('/v1/admin/bridges', 'mock:first:admin:tenant_admin');
    await bearer('/v1/admin/federation/identity', 'mock:first:admin:tenant_admin');
    for (const gateway of [a, b]) answers.push(await (await fetch(`${gateway.url}/metrics`)).text());
  }

  /** The admin API asked in vain and with success, and its webhook with the right secret and in place of a signature. */
  async function useScaikey(): Promise<void> {
    await eventually(async () => scaikey.asked.length > 0);
    const event = scaikeyEvent('user.updated', 'usr_secretive', 'tnt_first');
    for (const secret of [scaikey.webhookSecret, 'another']) answers.push(JSON.stringify(await tell(a.url, secret, event)));
    const headers = { 'content-type': 'application/json', 'x-scaikey-timestamp': '1', 'x-scaikey-signature': `t=1,v1=${scaikey.webhookSecret}` };
    answers.push(await (await fetch(`${a.url}/v1/webhooks/scaikey`, { method: 'POST', headers, body: '{}' })).text());
  }

  /** A link to a file at work, tampered with, misspelt, cut off in the middle, and after its file has gone; answers with its token. */
  async function useLink(): Promise<string> {
    const media = seen(await putRaw(a, 'ann', randomBytes(100)));
    const { url } = await a.ask<{ url: string }>('ann', 'GET', `/v1/media/signed/${media.media_id}`);
    const path = new URL(url).pathname;
    const port = Number(new URL(a.url).port);
    const expected: readonly (readonly [method: string, path: string, status: number])[] = [
      ['GET', path, 200], ['HEAD', path, 200], ['GET', `${path.slice(0, -1)}${path.endsWith('A') ? 'B' : 'A'}`, 403], ['GET', `${path}/more`, 404], ['GET', `${path}?a=b`, 200], ['DELETE', path, 405],
    ];
    for (const [method, asked, status] of expected) expect((await request(a, null, method, asked)).status, `${method} …${asked.slice(-5)}`).to.equal(status);
    await rawExchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`);
    await rawExchange(port, `GET ${path} HTTP/9.9\r\nHost: a\r\n\r\n`);
    const socket = connect(port, '127.0.0.1');
    socket.end(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await once(socket.resume(), 'close');
    await request(a, 'ann', 'DELETE', `/v1/media/${media.media_id}`);
    expect((await request(a, null, 'GET', path)).status).to.equal(404);
    return path.split('/').at(-1) ?? '';
  }

  async function seeds(): Promise<Buffer[]> {
    const vault = new Vault([parseMasterKey(MASTER_KEY_FOR_TESTS, 'the test key')], systemRandomness);
    const found: Buffer[] = [];
    for (const { database } of [a, b]) {
      const rows = await database.asOwner<{ tenant_id: string; key_id: string; sealed_private_key: Buffer }>('select tenant_id, key_id, sealed_private_key from signing_keys');
      for (const row of rows) found.push(vault.open({ table: 'signing_keys', tenantId: parseTenantId(row.tenant_id), row: row.key_id, column: 'sealed_private_key' }, row.sealed_private_key));
    }
    return found;
  }

  it('are in no table of a dump', async () => {
    for (const [secret, forms] of Object.entries(secrets)) expect(forms, secret).not.to.be.empty;
    for (const { database } of [a, b]) expect(await columnsHolding(database, Object.values(secrets).flat())).to.deep.equal([]);
  });

  it('are in no log line', () => {
    expect(logs.text()).to.include('"level":"debug"');
    for (const [secret, forms] of Object.entries(secrets)) for (const form of forms) expect(logs.text(), secret).not.to.include(form);
  });

  it('are in no answer, no refusal and no metric', () => {
    expect(answers).to.have.length.greaterThan(8);
    for (const [secret, forms] of Object.entries(secrets)) for (const form of forms) expect(answers.join('\n'), secret).not.to.include(form);
  });

  it('would be found if they lay about', async () => {
    const [form = ''] = secrets['a signing key'] ?? [];
    await a.database.asOwner('update rooms set topic = $1', [form]);
    expect(await columnsHolding(a.database, [form])).to.deep.equal(['rooms.topic']);
    await a.database.asOwner('update tenants set sealed_ai_key = $1', [Buffer.from(bridge.shared_secret)]);
    expect(await columnsHolding(a.database, [bridge.shared_secret])).to.deep.equal(['tenants.sealed_ai_key']);
    await a.database.asOwner('update tenants set sealed_ai_key = null');
  });
});

describe('a node without the master key of its database', function () {
  this.timeout(60_000);
  let gateway: Gateway;
  let tenant: TenantId;

  before(async () => {
    const [only] = await gateways(['a.example']);
    if (only === undefined) throw new Error('one gateway');
    gateway = only;
    const [row] = await gateway.database.asOwner<{ tenant_id: string }>('select tenant_id from tenants');
    tenant = parseTenantId(row?.tenant_id);
  });
  after(() => gateway.end());

  const refusal = async (env: Readonly<Record<string, string>>): Promise<StartRefusal> => {
    const config = loadConfig({ SCAIWAVE_DB_URL: gateway.database.appUrl, SCAIWAVE_SERVER_NAME: 'a.example', SCAIWAVE_PORT: '0', SCAIWAVE_LOG_LEVEL: 'silent', ...env });
    try {
      await (await startNode(config)).stop();
    } catch (error) {
      if (error instanceof StartRefusal) return error;
      throw error;
    }
    throw new Error('it started');
  };

  it('does not start with another one, and says which to restore', async () => {
    const { findings, message } = await refusal({ SCAIWAVE_MASTER_KEY: randomBytes(32).toString('base64') });
    expect(findings.map(({ rule }) => rule)).to.deep.equal(['master-key']);
    expect(message).to.match(/^The master key is not the one .* restore it .*\.$/);
  });

  it('does not start with none', async () => {
    const { findings, message } = await refusal({});
    expect(findings.map(({ rule }) => rule)).to.deep.equal(['master-key']);
    expect(message).to.include('SCAIWAVE_MASTER_KEY');
  });

  it('does not start when the row that knows the key is gone', async () => {
    const [kept] = await gateway.database.asOwner<{ sealed_check: Buffer }>('select sealed_check from tenants where tenant_id = $1', [tenant]);
    await gateway.database.asOwner('update tenants set sealed_check = null where tenant_id = $1', [tenant]);
    expect((await refusal({ SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS })).findings.map(({ rule }) => rule)).to.deep.equal(['master-key']);
    await gateway.database.asOwner('update tenants set sealed_check = $2 where tenant_id = $1', [tenant, kept?.sealed_check]);
  });
});
