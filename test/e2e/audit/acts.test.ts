import { expect } from 'chai';
import type { JsonObject } from '../../../src/kernel/events.js';
import type { AuditRecord } from '../../../src/protocol/audit.js';
import { openAdmin } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { AUDIT_ACTS } from '../../../src/kernel/audit-acts.js';
import { AdminActs, PROMPT, type AdminAct } from '../../support/admin-acts.js';
import { AuditedGateway } from '../../support/audited-gateway.js';
import { ROOT } from '../../support/fleet-world.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../../support/gateway.js';
import { scaikeyEvent, tell } from '../../support/scaikey-admin.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';

const WEBHOOK_SECRET = 'whsec_a-secret-shared-with-scaikey-0123456789';
const PLATFORM = { name: '@root:a.example', role: 'super_admin' };

/** A step, whoever does it. */
interface Step extends AdminAct {
  /** Of the first tenant unless another is named. */
  readonly read?: () => Promise<readonly AuditRecord[]>;
  /** The administrator of the first tenant unless another is named. */
  readonly actor?: Readonly<Record<string, string>>;
}

describe('the acts of administrators', function () {
  this.timeout(120_000);
  let home: Gateway;
  let away: Gateway;
  let node: AuditedGateway;
  let room: string;
  let foreign: string;
  let other = '';
  let fingerprint: string;
  let mirror = '';
  let [ended, asked, task] = ['', '', ''];
  let tenant: { readonly id: string; readonly slug: string } | undefined;
  const acts = new AdminActs(() => ({ gateway: home, ask, owner: 'admin', member: 'carol', room: other, peer: away.name, foreign, mirror, fingerprint }));

  before(async () => {
    [home, away] = await federatedPair({ env: { SCAIWAVE_EGRESS_ALLOW: '127.0.0.1', SCAIWAVE_SCAIKEY_WEBHOOK_SECRET: WEBHOOK_SECRET } });
    node = new AuditedGateway(home);
    room = (await sharedRoom(home, away)).home;
    other = await node.room();
    const people = await home.ask<{ id: string; server_name: string }[]>('admin', 'GET', '/v1/directory/participants?include_federated=true&limit=200');
    foreign = people.find(({ server_name: server }) => server === away.name)?.id ?? '';
    mirror = (await sharedRoom(away, home, 'carol')).away;
    fingerprint = (await away.ask<{ fingerprint: string }>('admin', 'GET', '/v1/admin/federation/identity')).fingerprint;
  });
  after(async () => {
    await home.end();
    await away.end();
  });

  const ask = <T>(method: string, path: string, body?: unknown): Promise<T> => home.ask<T>('admin', method, `/v1/admin/${path}`, body);
  const nothing = (): JsonObject => ({});
  const none = (): null => null;
  const makeTenant = async (slug: string): Promise<void> => {
    tenant = await home.ask<{ id: string; slug: string }>(ROOT, 'POST', '/v1/admin/tenants', { slug, name: slug, scaikey_tenant_id: `tnt_${slug}`, partner_id: 'prt_acts' });
  };
  const ofTenant = async (): Promise<readonly AuditRecord[]> => (tenant === undefined ? [] : home.ask<AuditRecord[]>(ROOT, 'GET', `/v1/admin/partners/prt_acts/tenants/${tenant.id}/audit?limit=200`));
  const onTenant = (method: string, path = '', body?: object) => (): Promise<unknown> => home.ask(ROOT, method, `/v1/admin/tenants/${tenant?.id}${path}`, body);
  /** The newest is the one that is announced and not yet in force. */
  const keyOfTenant = async (): Promise<unknown> => (await home.database.asOwner<{ key_id: string }>('select key_id from signing_keys where tenant_id = $1 order by ordinal desc offset 1 limit 1', [tenant?.id]))[0]?.key_id;
  const rotateKey = async (): Promise<void> => {
    const admin = await openAdmin(loadConfig({ SCAIWAVE_DB_URL: home.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_LOG_LEVEL: 'silent' }));
    await admin.rotateFederationKey(tenant?.slug).finally(() => admin.close());
  };
  const endBridge = async (): Promise<void> => {
    ended = await node.bridge(other);
    const [voice] = await home.database.asOwner<{ participant_id: string }>('select participant_id from bridges where bridge_id = $1', [ended]);
    await home.ask('admin', 'POST', `/v1/rooms/${other}/ban`, { participant_id: voice?.participant_id });
    await eventually(async () => (await node.pages(`act=bridge.ended&target=${ended}`)).length > 0);
  };
  const told = (type: string, data: object = {}) => (): Promise<unknown> => tell(home.url, WEBHOOK_SECRET, scaikeyEvent(type, 'usr_acts', 'tnt_first', { ...data }));
  const ofScaikey = async (): Promise<unknown> => (await home.database.asOwner<{ participant_id: string }>("select participant_id from participants where scaikey_subject = 'usr_acts'"))[0]?.participant_id;
  const cancelSidekick = async (): Promise<void> => {
    asked = (await home.ask<{ id: string }>('carol', 'POST', '/v1/rooms', { room_type: 'group', name: 'Asked here' })).id;
    task = (await home.ask<{ task_id: string }>('carol', 'POST', `/v1/rooms/${asked}/sidekicks`, { task: PROMPT })).task_id;
    await home.ask('admin', 'POST', `/v1/rooms/${asked}/sidekicks/${task}/cancel`);
  };

  const STEPS: readonly Step[] = [
    ...acts.steps,
    { act: 'bridge.ended', actor: { name: 'system' }, run: endBridge, target: () => ended, detail: ({ reason }) => ({ reason: reason ?? 'no reason' }) },
    { act: 'prompt_studio.templates_changed', isChange: true, run: () => home.ask('admin', 'PUT', '/v1/prompt-studio/templates', { system_prompt_templates: [] }), target: none, detail: () => ({ before: 1, after: 0 }) },
    { act: 'sidekick.cancelled', run: cancelSidekick, target: () => task, detail: ({ spawned_by: by }) => ({ room_id: asked, spawned_by: by ?? 'nobody' }) },
    { act: 'participant.created', actor: { name: 'scaikey' }, isChange: true, run: told('user.created', { email: 'dora@first.test', status: 'ACTIVE' }), target: ofScaikey, detail: () => ({ scaikey_id: 'usr_acts' }) },
    { act: 'participant.changed', actor: { name: 'scaikey' }, isChange: true, run: told('user.updated', { display_name: 'Dora B.' }), target: ofScaikey, detail: () => ({ scaikey_id: 'usr_acts', parts: ['display_name'] }) },
    { act: 'participant.deactivated', actor: { name: 'scaikey' }, isChange: true, run: told('user.suspended'), target: ofScaikey, detail: () => ({ scaikey_id: 'usr_acts' }) },
    { act: 'participant.restored', actor: { name: 'scaikey' }, isChange: true, run: told('user.activated'), target: ofScaikey, detail: () => ({ scaikey_id: 'usr_acts' }) },
    { act: 'partner.created', actor: PLATFORM, run: () => home.ask(ROOT, 'POST', '/v1/admin/partners', { partner_id: 'prt_acts', name: 'Acts' }), target: () => 'prt_acts', detail: () => ({ max_tenants: 100 }) },
    { act: 'partner.changed', actor: PLATFORM, isChange: true, run: () => home.ask(ROOT, 'PUT', '/v1/admin/partners/prt_acts', { limits: { max_tenants: 5 } }), target: () => 'prt_acts', detail: () => ({ limits: { max_tenants: 5 } }) },
    { act: 'tenant.created', actor: PLATFORM, read: ofTenant, run: () => makeTenant('made'), target: none, detail: () => ({ slug: 'made', server_name: 'made.a.example', partner_id: 'prt_acts' }) },
    { act: 'tenant.changed', actor: PLATFORM, read: ofTenant, isChange: true, run: onTenant('PATCH', '', { name: 'Renamed', limits: { max_rooms: 7 }, features: { flag: { on: true } } }), target: none, detail: () => ({ name: 'Renamed', limits: { max_rooms: 7 }, features: ['flag'] }) },
    { act: 'tenant.suspended', actor: PLATFORM, read: ofTenant, isChange: true, run: onTenant('POST', '/suspend'), target: none, detail: nothing },
    { act: 'tenant.resumed', actor: PLATFORM, read: ofTenant, isChange: true, run: onTenant('POST', '/resume'), target: none, detail: nothing },
    { act: 'signing_key.rotated', actor: { name: 'cli' }, read: ofTenant, run: rotateKey, target: keyOfTenant, detail: nothing },
    { act: 'signing_key.generated', actor: { name: 'system' }, read: async () => (await ofTenant()).filter(() => tenant?.slug === 'another'), run: () => makeTenant('another'), target: keyOfTenant, detail: nothing },
  ];

  it('are all of those in the list of acts', () => {
    expect(STEPS.map(({ act }) => act)).to.have.members([...AUDIT_ACTS]);
  });

  for (const { act, prepare, run, target, detail, read = () => node.pages(), actor = { name: '@admin:a.example', role: 'tenant_admin' }, isChange = false } of STEPS) {
    it(`${act} is written down with the act${isChange ? ', and not again where nothing changes' : ''}`, async () => {
      await prepare?.();
      const before = new Set((await read()).map(({ hash }) => hash));
      await run();
      const after = (await read()).filter(({ hash }) => !before.has(hash));
      const written = after.filter(({ act: name }) => name === act);
      expect(written.map(({ target: of, detail: said }) => ({ target: of, detail: said }))).to.deep.equal([{ target: await target(), detail: detail(written[0]?.detail ?? {}) }]);
      expect(written[0]?.actor).to.include(actor);
      const isSignedIn = actor['name']?.startsWith('@') === true;
      expect(typeof written[0]?.request_id).to.equal(isSignedIn ? 'string' : 'object');
      if (isSignedIn && read === ofTenant) {
        const atHome = (await node.pages(`act=${act}`)).filter(({ for_tenant_id: of, request_id: request }) => of === tenant?.id && request === written[0]?.request_id);
        expect(atHome.map(({ actor: by }) => by['name']), 'where they are at home too').to.deep.equal([actor['name']]);
      }
      if (!isChange) return;
      await run();
      expect((await read()).filter(({ act: name, hash }) => name === act && !before.has(hash))).to.deep.equal(written);
    });
  }

  const FAILED: readonly (readonly [what: string, method: string, path: () => string, body?: () => unknown])[] = [
    ['a policy that is none', 'PUT', () => 'federation/policy', () => ({ default_mode: 'ajar' })],
    ['a pin to another key', 'POST', () => 'federation/peers/b.example/pin', () => ({ fingerprint: 'a'.repeat(64) })],
    ['a profile of nobody', 'POST', () => `federation/foreign/${room.slice('room-'.length)}/refresh`],
    ['a federated room that is not there', 'PUT', () => 'rooms/room-33333333-3333-4333-8333-333333333333/federate', () => ({ enabled: true })],
    ['an invitation to a server that is not accepted', 'POST', () => `rooms/${room}/federation/invite`, () => ({ fqid: '@eve:c.example' })],
    ['a bridge in a room that is not there', 'POST', () => 'bridges', () => ({ name: 'x', transport: 'custom', room_id: 'room-33333333-3333-4333-8333-333333333333', direction: 'in' })],
    ['a bridge that is not there, paused', 'POST', () => 'bridges/brg-33333333-3333-4333-8333-333333333333/pause'],
    ['a bridge that is not there, deleted', 'DELETE', () => 'bridges/brg-33333333-3333-4333-8333-333333333333'],
    ['a delivery that is not there, replayed', 'POST', () => `bridges/${acts.bridge}/deliveries/dlv-33333333-3333-4333-8333-333333333333/replay`],
    ['a participant whose name is taken', 'POST', () => 'participants/model', () => ({ model_id: 'maker/model', local_id: 'helper', display_name: 'Again' })],
    ['a key for a mode without one', 'PUT', () => 'ai-config', () => ({ scaigrid_auth_mode: 'service_token', scaigrid_api_key: null })],
  ];
  for (const [what, method, path, body] of FAILED) {
    it(`${what} leaves no record`, async () => {
      const before = await node.pages();
      const { status } = await home.call('admin', method, `/v1/admin/${path()}`, body?.());
      expect(status).to.be.within(400, 499);
      expect(await node.pages()).to.deep.equal(before);
    });
  }

  it('by members leave no record', async () => {
    const before = await node.pages();
    expect((await home.call('bob', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' })).status).to.equal(403);
    expect(await node.pages()).to.deep.equal(before);
  });

  it('are written without a secret, and without what people wrote', async () => {
    const sealed = (await node.pages()).map((record: AuditRecord) => JSON.stringify(record)).join('\n');
    expect(acts.secrets.length).to.be.greaterThan(6);
    for (const secret of [...acts.secrets, WEBHOOK_SECRET, 'mock:first:admin']) expect(sealed).not.to.include(secret);
  });
});
