import { expect } from 'chai';
import * as app from '../../../src/app.js';
import { scaiwave } from '../../../src/cli/scaiwave.js';
import { loadConfig } from '../../../src/config/config.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { bridgedCall, makeBridge } from '../../support/bridged-call.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../../support/gateway.js';
import { tokenOf } from '../../support/http-caller.js';
import { TestScaigrid } from '../../support/scaigrid.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';
import { MEGABYTE, putRaw, seen } from '../../support/uploads.js';

const NODE_KEY = 'sgk_of-the-node';

interface Use {
  readonly used: number | null;
  readonly limit: number | null;
  readonly as_of?: string | null;
  readonly stale?: boolean;
}
type Uses = Readonly<Record<string, Use>>;

describe('what a tenant uses of what it may', function () {
  this.timeout(90_000);
  const scaigrid = new TestScaigrid();
  let env: Readonly<Record<string, string>>;
  let a: Gateway;
  let b: Gateway;

  before(async () => {
    await scaigrid.start();
    scaigrid.keys.set(NODE_KEY, { tenantId: 'tnt_node', isPartner: true });
    scaigrid.tokens.set('tnt_first', 4_711);
    env = { SCAIWAVE_SCAIGRID_URL: scaigrid.url, SCAIWAVE_SCAIGRID_API_KEY: NODE_KEY, SCAIWAVE_EGRESS_ALLOW: `${scaigrid.address},127.0.0.1` };
    [a, b] = await federatedPair({ env });
  });
  after(async () => {
    await a.end();
    await b.end();
    await scaigrid.stop();
  });

  const stats = (): Promise<Uses> => a.ask<Uses>('admin', 'GET', '/v1/admin/stats');
  /** `scaiwave admin list-tenants`, on the node's own database. */
  async function listed(...words: readonly string[]): Promise<string> {
    const lines: string[] = [];
    const terminal = { out: (line: string) => void lines.push(line), err: (line: string) => void lines.push(line), onSignal: () => undefined, exit: () => undefined, clock: systemClock, timers: systemTimers };
    const config = loadConfig({ SCAIWAVE_DB_URL: a.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_LOG_LEVEL: 'silent', ...env });
    expect(await scaiwave(app, ['admin', 'list-tenants', ...words], terminal, () => config), lines.join()).to.equal(0);
    return lines.join('\n');
  }
  const cells = (text: string): readonly (readonly string[])[] => text.split('\n').map((line) => line.split(/ {2,}/));

  it('is nothing at first, beside every limit', async () => {
    const limits = {
      rooms: 500, participants: 100, foreign_participants_per_room: 50, storage_mb: 10_240, ai_tokens: null, sidekicks: 10, sidekicks_per_user: 3, plan_steps: 20,
      bridge_shadows: 5_000, federated_shadows: 20_000, mirror_mb: 10_240,
    };
    const uses = await stats();
    expect(Object.fromEntries(Object.entries(uses).map(([what, { limit }]) => [what, limit]))).to.deep.equal(limits);
    for (const [what, { used }] of Object.entries(uses)) if (what !== 'ai_tokens') expect(used, what).to.equal(0);
  });

  it('is told of each limit alike by HTTP and at the command line', async () => {
    const hosted = await sharedRoom(a, b, 'bob');
    await sharedRoom(b, a, 'ann');
    seen(await putRaw(a, 'ann', Buffer.alloc(MEGABYTE + 1)));
    expect(await bridgedCall(await makeBridge(a, hosted.home, 'http://127.0.0.1:9/hook'), 'm-1', 'hello')).to.equal(200);
    for (const task of ['one', 'two']) await a.ask('admin', 'POST', `/v1/rooms/${hosted.home}/sidekicks`, { task });
    await a.ask('admin', 'PUT', `/v1/rooms/${hosted.home}/plan`, { goal: 'g', steps: [1, 2, 3].map((n) => ({ id: `step${n}`, text: `step ${n}` })) });
    const uses = await eventually(async () => {
      const now = await stats();
      return now['mirror_mb']?.used === 1 ? now : undefined;
    });
    const used = Object.fromEntries(Object.entries(uses).map(([what, use]) => [what, use.used]));
    expect(used).to.deep.equal({
      rooms: 4, participants: 2, foreign_participants_per_room: 1, storage_mb: 2, ai_tokens: 4_711, sidekicks: 2, sidekicks_per_user: 2, plan_steps: 3,
      bridge_shadows: 1, federated_shadows: 2, mirror_mb: 1,
    });
    expect(uses['ai_tokens']).to.include({ stale: false });
    expect(Date.parse(uses['ai_tokens']?.as_of ?? '')).to.be.within(Date.now() - 600_000, Date.now() + 60_000);

    const tenants = JSON.parse(await listed('--json')) as { readonly slug: string; readonly uses: Uses }[];
    expect(tenants.map(({ slug, uses: told }) => [slug, told])).to.deep.equal([['first', uses]]);
    const [heads = [], row = []] = cells(await listed());
    const shown = Object.fromEntries(heads.map((head, index) => [head, row[index]]));
    expect(shown).to.deep.include({
      SLUG: 'first', STATUS: 'active', ROOMS: '4/500', MEMBERS: '2/100', 'FOREIGN PARTICIPANTS PER ROOM': '1/50', 'STORAGE MB': '2/10240', 'AI TOKENS MTD': '4711/-', SIDEKICKS: '2/10',
      'SIDEKICKS PER USER': '2/3', 'PLAN STEPS': '3/20', 'BRIDGE SHADOWS': '1/5000', 'FEDERATED SHADOWS': '2/20000', 'MIRROR MB': '1/10240',
    });
  });

  it('is told beside a limit that was set otherwise a moment ago', async () => {
    const own = { max_rooms: 1, max_participants: 2, max_storage_mb: 1, ai_tokens_monthly_limit: 9, max_bridge_shadows: 0, max_federated_shadows: 3, max_mirror_mb: 4, max_sidekicks_per_user: 5, max_sidekicks: 6, max_plan_steps: 7 };
    await a.database.asOwner('update tenants set limits = $1', [JSON.stringify(own)]);
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { max_foreign_participants_per_room: 8 });
    const uses = await stats();
    expect(Object.fromEntries(Object.entries(uses).map(([what, { limit }]) => [what, limit]))).to.deep.equal({
      rooms: 1, participants: 2, foreign_participants_per_room: 8, storage_mb: 1, ai_tokens: 9, sidekicks: 6, sidekicks_per_user: 5, plan_steps: 7, bridge_shadows: 0, federated_shadows: 3, mirror_mb: 4,
    });
    expect((JSON.parse(await listed('--json')) as { readonly uses: Uses }[])[0]?.uses).to.deep.equal(uses);
  });

  it('is held against the tokens of the month that ScaiGrid told: no sidekick beyond them, and one as soon as there are more', async () => {
    const [{ id: room = '' } = {}] = await a.database.asOwner<{ id: string }>("select room_id as id from rooms where room_type = 'group' and phase = 'hosted'");
    const spawn = (): Promise<Response> => {
      const headers = { authorization: `Bearer ${tokenOf('admin')}`, 'content-type': 'application/json' };
      return fetch(`${a.url}/v1/rooms/${room}/sidekicks`, { method: 'POST', headers, body: JSON.stringify({ task: 'three' }) });
    };
    const [{ limits = {} } = {}] = await a.database.asOwner<{ limits: object }>('select limits from tenants');
    const may = (tokens: number): Promise<unknown> => a.database.asOwner('update tenants set limits = $1', [JSON.stringify({ ...limits, max_rooms: 100, ai_tokens_monthly_limit: tokens })]);
    await may(4_711);
    const refused = await spawn();
    expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).to.deep.equal([409, 'SW_AI_BUDGET_EXCEEDED']);
    expect(Number(refused.headers.get('retry-after'))).to.be.greaterThan(0);
    await may(4_712);
    expect((await spawn()).status).to.be.within(200, 201);
    await a.database.asOwner('update tenants set limits = $1', [JSON.stringify(limits)]);
  });

  it('is the last that ScaiGrid told, with its age and a mark, while ScaiGrid is away', async () => {
    scaigrid.misbehave = (response) => void response.writeHead(503).end();
    const [before] = await a.database.asOwner<{ as_of: number }>('update ai_usage set as_of = as_of - 3600000, busy_until = 0 returning as_of');
    const away = { used: 4_711, limit: 9, as_of: new Date(Number(before?.as_of)).toISOString(), stale: true };
    expect((await stats())['ai_tokens']).to.deep.equal(away);
    expect((JSON.parse(await listed('--json')) as { readonly uses: Uses }[])[0]?.uses['ai_tokens']).to.deep.equal(away);
  });

  it('falls again by the opposite acts', async () => {
    const [{ id: room = '' } = {}] = await a.database.asOwner<{ id: string }>("select room_id as id from rooms where room_type = 'group' and phase = 'hosted'");
    for (const { task_id: task } of await a.ask<{ task_id: string }[]>('admin', 'GET', `/v1/rooms/${room}/sidekicks`)) await a.ask('admin', 'POST', `/v1/rooms/${room}/sidekicks/${task}/cancel`);
    await a.ask('admin', 'POST', `/v1/rooms/${room}/plan/cancel`);
    for (const { id } of await a.ask<{ id: string }[]>('admin', 'GET', '/v1/admin/bridges')) await a.ask('admin', 'DELETE', `/v1/admin/bridges/${id}`);
    for (const { media_id: id } of await a.ask<{ media_id: string }[]>('ann', 'GET', '/v1/media')) await a.ask('ann', 'DELETE', `/v1/media/${id}`);
    await a.ask('admin', 'POST', `/v1/rooms/${room}/close`);
    const gone = { storage_mb: 0, sidekicks: 0, sidekicks_per_user: 0, plan_steps: 0, bridge_shadows: 0, foreign_participants_per_room: 0 };
    await eventually(async () => {
      const uses = await stats();
      return Object.entries(gone).every(([what, used]) => uses[what]?.used === used) && uses['rooms']?.used === 1;
    });
  });
});
