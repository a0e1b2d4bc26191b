import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { parseParticipantId, parseRoomId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { TimelineRepository } from '../../../src/store/repositories/timeline.repository.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { FlowsProcess } from '../../support/flows-process.js';

const ENTRIES = 60_000;
const BUFFERS_MAX = 4_000;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Plan[];
}

describe('reading a tenant of many entries', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let process: FlowsProcess;
  let ctx: TenantContext;
  const [busy, quiet] = [parseParticipantId(randomUUID()), parseParticipantId(randomUUID())];
  const rooms = Array.from({ length: 200 }, () => parseRoomId(`room-${randomUUID()}`));

  before(async () => {
    database = await freshDatabase();
    process = await FlowsProcess.open(database);
    ctx = await process.tenant();
    await fill();
  });
  after(async () => {
    await process.close();
    await database.drop();
  });

  async function fill(): Promise<void> {
    const run = (sql: string, values: unknown[]): Promise<unknown> => database.asOwner(sql, values);
    await run(
      `insert into rooms (tenant_id, room_id, log_name, home, phase, room_type, creator, head_hash, created_at)
       select $1, room, '!' || room || ':a.example', 'a.example', 'hosted', 'group', '@x:a.example', '\\x00', n from unnest($2::text[]) with ordinality as u (room, n)`,
      [ctx.tenantId, rooms],
    );
    await run(
      `insert into participants (tenant_id, participant_id, participant_type, local_id, server_name, display_name, created_at)
       select $1, id, 'human', 'p' || n, 'a.example', 'p', 1 from unnest($2::uuid[]) with ordinality as u (id, n)`,
      [ctx.tenantId, [busy, quiet]],
    );
    await run(`insert into spans (tenant_id, participant_id, room_id, since_position) select $1, $2, room, 0 from unnest($3::text[]) as room`, [ctx.tenantId, busy, rooms]);
    await run('insert into spans (tenant_id, participant_id, room_id, since_position) values ($1, $2, $3, 0)', [ctx.tenantId, quiet, rooms[7]]);
    await run(
      `insert into entries (tenant_id, stream_position, room_id, seq, at, event_id, origin, wire_id, event_type, sender, event_hash, dedupe_hash, chain_hash, content, state, origin_ts, created_at)
       select $1, 100 + n, ($2::text[])[1 + n % 200], n / 200 + 1, n, 'evt-' || gen_random_uuid(), 'a.example', gen_random_uuid(), 'swp.room.message', '@x:a.example', '\\x00', '\\x00', '\\x00',
         jsonb_build_object('body', repeat('x', 200)), 'placed', 1, 1 from generate_series(0, $3 - 1) as n where n % 200 <> 7 or n < 4000`,
      [ctx.tenantId, rooms, ENTRIES],
    );
    await run('update tenant_heads set stream_position = $2 where tenant_id = $1', [ctx.tenantId, 100 + ENTRIES]);
    await run('analyze', []);
  }

  /** The plan that a prepared statement has once it is kept: made without looking at the values. */
  async function planOf(ask: (timeline: TimelineRepository) => Promise<unknown>): Promise<Plan> {
    const asked: { text: string; values: readonly unknown[] }[] = [];
    await ask(
      new TimelineRepository({
        rows: () => Promise.reject(new Error('prepared only')),
        drifted: () => undefined,
        prepared: (_name, text, values) => {
          asked.push({ text, values });
          return Promise.resolve([]);
        },
      }),
    );
    const [statement] = asked;
    if (statement === undefined) throw new Error('nothing was asked');
    const client = new pg.Client({ connectionString: database.ownerUrl });
    await client.connect();
    try {
      await client.query("set plan_cache_mode = 'force_custom_plan'");
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`explain (analyze, buffers, format json) ${statement.text}`, [...statement.values]);
      const plan = rows[0]?.['QUERY PLAN'][0].Plan;
      if (plan === undefined) throw new Error('no plan');
      return plan;
    } finally {
      await client.end();
    }
  }

  function nodes(plan: Plan): readonly Plan[] {
    return [plan, ...(plan.Plans ?? []).flatMap(nodes)];
  }

  const cases: Readonly<Record<string, (timeline: TimelineRepository) => Promise<unknown>>> = {
    'a busy member, far behind': (timeline) => timeline.since(ctx, busy, 0, LIMITS.syncPageDefault),
    'a busy member, nearly caught up': (timeline) => timeline.since(ctx, busy, ENTRIES, LIMITS.syncPageDefault),
    'a quiet member, nearly caught up': (timeline) => timeline.since(ctx, quiet, ENTRIES, LIMITS.syncPageDefault),
    'a quiet member, far behind': (timeline) => timeline.since(ctx, quiet, 0, LIMITS.syncPageDefault),
    'the newest of one room': (timeline) => timeline.back(ctx, busy, rooms[3] ?? parseRoomId(''), Number.MAX_SAFE_INTEGER, LIMITS.messagesPageDefault),
    'the oldest of one room': (timeline) => timeline.forward(ctx, busy, rooms[3] ?? parseRoomId(''), 0, LIMITS.messagesPageDefault),
  };
  for (const [title, ask] of Object.entries(cases)) {
    it(`goes by indexes and reads little: ${title}`, async () => {
      const plan = await planOf(ask);
      expect(nodes(plan).filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'entries')).to.deep.equal([]);
      expect(nodes(plan).map((node) => node['Index Name'])).to.satisfy((names: (string | undefined)[]) => names.some((name) => name?.startsWith('entries_')));
      expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).to.be.lessThan(BUFFERS_MAX);
    });
  }
});
