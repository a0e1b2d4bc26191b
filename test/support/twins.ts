import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { parseBridgeId, parseDeliveryId, parseEventId, parseFqid, parseInvitationId, parseKeyId, parseLocalId, parseLogName, parseMediaId, parseParticipantId, parsePartnerId, parseRoomId, parseServerName, parseTaskId, parseTenantId, parseWireEventId, type TenantId } from '../../src/kernel/ids.js';
import { tenantContext, type TenantContext } from '../../src/kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS } from '../../src/kernel/tenant-limits.js';
import { Repositories } from '../../src/store/store.js';
import { rowTypes } from '../../src/store/row-types.js';
import { OpenTx } from '../../src/store/tx.js';
import type { TestDatabase } from './database.js';

/**
 * Two tenants whose rows carry the same ids throughout, and differ only in the tenant and in the words `of-one` and
 * `of-two`. Whatever does not ask for its own tenant meets the other's row.
 */
export const IDS = {
  one: parseTenantId(randomUUID()),
  two: parseTenantId(randomUUID()),
  room: parseRoomId(`room-${randomUUID()}`),
  mirror: parseRoomId(`room-${randomUUID()}`),
  person: parseParticipantId(randomUUID()),
  foreigner: parseParticipantId(randomUUID()),
  message: parseEventId(`evt-${randomUUID()}`),
  edit: parseEventId(`evt-${randomUUID()}`),
  reaction: parseEventId(`evt-${randomUUID()}`),
  member: parseEventId(`evt-${randomUUID()}`),
  pending: parseEventId(`evt-${randomUUID()}`),
  withheld: parseEventId(`evt-${randomUUID()}`),
  refused: parseEventId(`evt-${randomUUID()}`),
  unheard: parseEventId(`evt-${randomUUID()}`),
  wire: parseWireEventId(randomUUID()),
  invitation: parseInvitationId(`inv-${randomUUID()}`),
  bridge: parseBridgeId(`brg-${randomUUID()}`),
  task: parseTaskId(`task-${randomUUID()}`),
  endedTask: parseTaskId(`task-${randomUUID()}`),
  delivery: parseDeliveryId(`dlv-${randomUUID()}`),
  media: parseMediaId(`med-${randomUUID()}`),
  unfinished: parseMediaId(`med-${randomUUID()}`),
  erasing: parseMediaId(`med-${randomUUID()}`),
  rejection: randomUUID(),
  partner: parsePartnerId('prt_twin'),
  key: parseKeyId('key-1'),
  local: parseLocalId('person'),
  server: parseServerName('a.example'),
  peer: parseServerName('b.example'),
  fqid: parseFqid('@person:a.example'),
  foreign: parseFqid('@foreigner:b.example'),
  dmKey: '@foreigner:b.example @person:a.example',
  peerConsumer: 'peer:b.example',
} as const;

export const LOGS = {
  room: parseLogName(`!${IDS.room}:${IDS.server}`),
  mirror: parseLogName(`!${IDS.mirror}:${IDS.peer}`),
  invited: parseLogName(`!room-${randomUUID()}:${IDS.peer}`),
} as const;

export function contextOf(tenantId: TenantId): TenantContext {
  return tenantContext({
    tenantId, slug: 'twin', name: 'Twin', scaikeyTenantId: 'tnt_twin', partnerId: null, serverName: IDS.server, status: 'active', limits: TENANT_LIMIT_DEFAULTS, features: {}, epoch: 1,
  });
}

const HASH = "sha256('x')";

/** Rows of the first twin; every table that has a tenant has some. */
const SEED: readonly string[] = [
  `insert into tenant_names values ('slug', 'slug of-one', :t), ('bridge', 'bridge of-one', :t), ('fleet_place', 'prt_of-one/1', :t)`,
  `insert into tenants (tenant_id, slug, name, scaikey_tenant_id, server_name, ai, sealed_check, sealed_ai_key, created_at) values (:t, 'slug of-one', 'Tenant of-one', 'tnt of-one', 'a.example', '{"defaultModel": "of-one"}', 'of-one', 'of-one', 1)`,
  `insert into tenant_heads (tenant_id, stream_position, dirty) values (:t, 100, true)`,
  `insert into tenant_usage values (:t, 5, 5, 5, 5, 5, 5)`,
  `insert into ai_usage (tenant_id, month, tokens, as_of, last_error, busy_until) values (:t, '2031-01 of-one', 5, 5, 'SW_of-one', 5)`,
  `insert into partners values (:t, 'prt_twin', 'Partner of-one', 'active', '{}', 1)`,
  `insert into usage_months (tenant_id, month, rooms_peak, rooms_last, messages) values (:t, '2020-01', 5, 5, 5)`,
  `insert into signing_keys (tenant_id, key_id, ordinal, public_key, sealed_private_key, not_before, not_after) values (:t, 'key-1', 1, 'public of-one', 'sealed of-one', 1, 2)`,
  `insert into participants (tenant_id, participant_id, participant_type, local_id, server_name, display_name, foreign_origin, scaikey_subject, counted_joins, created_at) values
     (:t, :person, 'human', 'person', 'a.example', 'Person of-one', null, 'usr_1', 2, 1), (:t, :foreigner, 'federated', 'foreigner', 'b.example', 'Foreigner of-one', 'b.example', null, 1, 1)`,
  `insert into model_participants (tenant_id, participant_id, model, is_main, system_prompt, default_response_mode, enabled) values (:t, :person, 'maker/model', true, 'of-one', 'conversational', true)`,
  `insert into rooms (tenant_id, room_id, log_name, home, phase, room_type, visibility, name, creator, federated, dm_key, head_seq, head_at, head_hash, created_at) values
     (:t, :room, :log, 'a.example', 'hosted', 'public', 'public', 'Room of-one', '@person:a.example', true, :dm, 4, 40, ${HASH}, 1),
     (:t, :mirror, :mirrorlog, 'b.example', 'mirrored', 'group', 'private', 'Mirror of-one', '@foreigner:b.example', true, null, 1, 10, ${HASH}, 1)`,
  `insert into members (tenant_id, room_id, participant_id, fqid, server_name, membership, power, invited_by, joined_at, changed_seq) values
     (:t, :room, :person, '@person:a.example', 'a.example', 'join', 100, '@of-one:a.example', 1, 1), (:t, :room, :foreigner, '@foreigner:b.example', 'b.example', 'join', 0, '@of-one:a.example', 1, 2),
     (:t, :mirror, :person, '@person:a.example', 'a.example', 'invite', 0, '@foreigner:b.example', null, 1), (:t, :mirror, :foreigner, '@bridge-1:b.example', 'b.example', 'join', 0, '@of-one:b.example', 1, 1)`,
  `insert into spans values (:t, :person, :room, 0, null)`,
  `insert into entries (tenant_id, stream_position, room_id, seq, at, event_id, origin, wire_id, event_type, sender, sender_id, target, event_hash, dedupe_hash, chain_hash, jws, content, relates_to, foreign_origin, state, reason, origin_ts, created_at)
     select :t, p, r, s, 10, e, 'a.example', gen_random_uuid(), ty, '@person:a.example', :person, ta, ${HASH}, ${HASH}, ${HASH}, 'jws of-one', jsonb_build_object('body', 'of-one', 'emoji', '+', 'thumbnail_id', :media), re, fo, st, null, 1, 1 from (values
       (10::bigint, :room, 1::bigint, :member, 'swp.room.member', '@foreigner:b.example', null, null, 'placed'),
       (11, :room, 2, :message, 'swp.room.message', null, null, null, 'placed'),
       (12, :room, 3, :edit, 'swp.room.message.edit', null, :message, null, 'placed'),
       (13, :room, 4, :reaction, 'swp.room.reaction', null, :message, null, 'placed'),
       (14, :mirror, 1, :withheld, 'swp.room.message', null, null, null, 'withheld'),
       (15, :mirror, null, :pending, 'swp.room.message', null, null, null, 'pending'),
       (16, :mirror, null, :refused, 'swp.room.message', null, null, 'bridge:' || :bridge, 'refused')) as v (p, r, s, e, ty, ta, re, fo, st)`,
  `insert into invitations (tenant_id, invitation_id, participant_id, log_name, home, inviter, facts, status, changed_seq, decline_jws, decline_state, created_at) values
     (:t, :invitation, :person, :invitedlog, 'b.example', '@of-one:b.example', '{"name": "of-one"}', 'open', 1, 'jws of-one', 'pending', 1)`,
  `insert into intervals values (:t, :room, 'b.example', 1, null)`,
  `insert into consumers (tenant_id, consumer_id, kind, due_at, token, attempts, position, last_error) values
     (:t, 'peer:b.example', 'peer', '2020-01-01', 5, 1, 0, 'of-one'), (:t, 'stream', 'stream', '2020-01-01', 5, 0, 0, 'of-one'), (:t, 'idle', 'bridge', null, 5, 0, 0, 'of-one'), (:t, 'waiting', 'bridge', '2999-01-01', 5, 1, 0, 'of-one')`,
  `insert into lanes (tenant_id, room_id, consumer_id, mode, cursor, accepted_at, receipt_jws) values (:t, :room, 'peer:b.example', 'log', 0, null, 'of-one'), (:t, :mirror, 'peer:b.example', 'submit', 0, 1000, 'of-one')`,
  `insert into lane_withheld values (:t, :room, 'peer:b.example', 2, 'SW_of-one', 1)`,
  `insert into peers (tenant_id, server_name, trust, serial, descriptor, first_seen, fetched_at) values (:t, 'b.example', 'first-use', 1, '{"of": "of-one"}', 1, 1)`,
  `insert into room_keys values (:t, :mirror, 'b.example', 1, '{"jws": "of-one"}', 1)`,
  `insert into erasure_claims values (:t, :room, 2, 4)`,
  `insert into rejections (tenant_id, rejection_id, server_name, code, item, room, bytes, created_at, expires_at) values (:t, :rejection, 'b.example', 'SW_of-one', 'event', null, 1, 1, 2)`,
  `insert into bridges (tenant_id, bridge_id, room_id, participant_id, fqid, name, transport, direction, channel, created_at) values (:t, :bridge, :room, :person, '@bridge-x:a.example', 'Bridge of-one', 'custom', 'both', 'channel', 1)`,
  `insert into bridge_secrets (tenant_id, bridge_id, ordinal, sealed_secret, created_at) values (:t, :bridge, 1, 'sealed of-one', 1)`,
  `insert into bridge_map values (:t, :bridge, 'external', 0, :message)`,
  `insert into deliveries (tenant_id, delivery_id, bridge_id, event_id, direction, seq, form_seq, state, attempts, last_error, answer, next_attempt_at, updated_at, expires_at) values
     (:t, :delivery, :bridge, :message, 'out', 2, 2, 'waiting', 1, 'of-one', 'of-one', 5000, 1, 2)`,
  `insert into plans (tenant_id, plan_id, room_id, number, goal, mode, advance, venue, state, steps, author_id, created_at, updated_at) values
     (:t, 'plan-0', :room, 1, 'Goal of-one', 'sequential', 'auto', 'main', 'done', '[]', :person, 1, 1), (:t, 'plan-1', :room, 2, 'Goal of-one', 'sequential', 'auto', 'main', 'running', '[]', :person, 1, 1)`,
  `insert into media (tenant_id, media_id, participant_id, state, bytes, lease_until, name, mime_type, sha256, created_at) values
     (:t, :media, :person, 'kept', 5, null, 'file of-one', 'text/plain', ${HASH}, 1), (:t, :unfinished, :person, 'uploading', 0, '2020-01-01', 'unfinished of-one', null, null, 1),
     (:t, :erasing, :foreigner, 'erasing', 0, null, 'erasing of-one', null, null, 1)`,
  `insert into media_unnamed values (:t, :media, 'evt of-one')`,
  `insert into scaikey_events values (:t, 'evt_of-one', 'user.created', 1, 2)`,
  `insert into scaikey_facts (tenant_id, resource_type, resource_id, standing, described_at, standing_at, seen_at) values (:t, 'user', 'usr_1', 'active', 1, 1, 1), (:t, 'tenant', 'tnt of-one', 'active', 1, 1, 1)`,
  `insert into scaikey_runs (tenant_id, part, step, page, begun_at, last_error) values (:t, 'people', 'listing', 3, 1, 'SW_of-one')`,
  `insert into sidekicks (tenant_id, task_id, room_id, sidekick_room_id, agent_id, spawner_id, codename, task, context_mode, timeout_seconds, status, token_hash, told, deadline, created_at, ended_at) values
     (:t, :task, :room, :room, :person, :person, 'Name of-one', 'Task of-one', 'task_only', 9, 'running', 'of-one', true, 99, 1, null), (:t, :endedTask, :room, :room, :person, :person, 'Name of-one', 'Task of-one', 'task_only', 9, 'done', null, false, 99, 1, 2)`,
  `insert into bridge_intents values (:t, :bridge, :message, 0, ${HASH}, 1)`,
  `insert into audit (tenant_id, seq, at, actor, act, target, detail, previous_hash, hash) values
     (:t, 1, 10, '{"name": "@person:a.example"}', 'bridge.paused', 'brg', '{"of": "of-one"}', ${HASH}, ${HASH}), (:t, 2, 20, '{"name": "cli"}', 'tenant.created', null, '{"of": "of-one"}', ${HASH}, ${HASH})`,
];

const NAMES: Readonly<Record<string, string>> = {
  t: IDS.one, log: LOGS.room, mirrorlog: LOGS.mirror, invitedlog: LOGS.invited, dm: IDS.dmKey,
  ...Object.fromEntries((['room', 'mirror', 'person', 'foreigner', 'message', 'edit', 'reaction', 'member', 'pending', 'withheld', 'refused', 'invitation', 'bridge', 'delivery', 'media', 'unfinished', 'erasing', 'rejection', 'task', 'endedTask'] as const).map((name) => [name, IDS[name]])),
};

/** Ids are inlined: they are made above and hold no quote. */
function withIds(statement: string): string {
  const uuids = new Set(['t', 'person', 'foreigner', 'rejection']);
  return statement.replace(/(?<!:):([a-zA-Z]+)/g, (all, name: string) => (NAMES[name] === undefined ? all : `'${NAMES[name]}'${uuids.has(name) ? '::uuid' : ''}`));
}

/** What a method did: what it answered, or that it threw, and the rows of each twin afterwards. */
export interface Done {
  readonly outcome: string;
  readonly one: string;
  readonly two: string;
}

export type Ask = (repositories: Repositories, ctx: TenantContext, tx: OpenTx) => Promise<unknown>;

/** Runs methods over the twins, each in a transaction that is undone. */
export class Twins {
  private constructor(
    private readonly client: pg.Client,
    private readonly tables: readonly string[],
    private readonly appRole: string,
  ) {}

  static async in(database: TestDatabase): Promise<Twins> {
    const client = new pg.Client({ connectionString: database.ownerUrl, types: rowTypes() });
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1",
    );
    const twins = new Twins(client, rows.map(({ name }) => name), database.roles.app);
    await twins.#seed();
    return twins;
  }

  /** Tables in which the twins have nothing: nothing is shown of them. */
  async empty(): Promise<readonly string[]> {
    const each = this.tables.map((table) => `select '${table}' as name where not exists (select from ${table} where tenant_id = $1)`);
    return (await this.client.query<{ name: string }>(each.join(' union all '), [IDS.two])).rows.map(({ name }) => name);
  }

  /** As a role that no policy binds, in a session of nobody. `alone`: without the other twin's rows. */
  async filtersAlone(ask: Ask, alone: boolean): Promise<Done> {
    return this.#undone(async () => {
      if (alone) await this.#clear(IDS.two);
      return this.#outcome(ask);
    });
  }

  /** As the service, in a session of the second twin, with arguments of the first. `empty`: without anybody's rows. */
  async policiesAlone(ask: Ask, empty: boolean): Promise<Done> {
    return this.#undone(async () => {
      if (empty) for (const tenant of [IDS.one, IDS.two]) await this.#clear(tenant);
      await this.client.query(`set local role "${this.appRole}"; set local app.tenant = '${IDS.two}'`);
      return this.#outcome(ask);
    });
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  async #seed(): Promise<void> {
    await this.client.query('set session_replication_role = replica');
    for (const statement of SEED) await this.client.query(withIds(statement));
    for (const table of this.tables) {
      await this.client.query(
        `insert into ${table} select c.* from ${table} o,
           jsonb_populate_record(null::${table}, replace(replace(to_jsonb(o)::text, $1::text, $2::text), 'of-one', 'of-two')::jsonb) c where o.tenant_id = $1::text::uuid`,
        [IDS.one, IDS.two],
      );
    }
    await this.client.query('set session_replication_role = origin');
  }

  async #clear(tenant: TenantId): Promise<void> {
    await this.client.query('set local session_replication_role = replica');
    await this.client.query(this.tables.map((table) => `delete from ${table} where tenant_id = '${tenant}'`).join('; '));
    await this.client.query('set local session_replication_role = origin');
  }

  async #undone(work: () => Promise<string>): Promise<Done> {
    await this.client.query('begin');
    try {
      await this.client.query('savepoint before_work');
      const outcome = await work().catch(async (error: unknown) => {
        await this.client.query('rollback to savepoint before_work');
        return `threw ${error instanceof Error ? error.name : 'something'}`;
      });
      await this.client.query('reset role');
      return { outcome, one: await this.#rowsOf(IDS.one), two: await this.#rowsOf(IDS.two) };
    } finally {
      await this.client.query('rollback');
    }
  }

  async #outcome(ask: Ask): Promise<string> {
    const tx = new OpenTx(this.client);
    return textOf(await ask(new Repositories(tx), contextOf(IDS.one), tx));
  }

  async #rowsOf(tenant: TenantId): Promise<string> {
    const each = this.tables.map((table) => `select '${table}' as name, (select string_agg(t::text, E'\\n' order by t::text) from ${table} t where tenant_id = $1) as text`);
    const { rows } = await this.client.query<{ name: string; text: string | null }>(each.join(' union all '), [tenant]);
    return rows.map(({ name, text }) => `${name}\n${text ?? ''}`).join('\n');
  }
}

/** Answers as text that can be compared; the time of a lease is not part of it. */
function textOf(value: unknown): string {
  const text = JSON.stringify(value, (key, one: unknown) => (key === 'due_at' ? undefined : one instanceof Map ? [...one] : one));
  return text ?? 'undefined';
}
