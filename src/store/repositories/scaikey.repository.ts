import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export type ScaikeyResource = 'partner' | 'tenant' | 'user';

/** May they come in? */
export type ScaikeyStanding = 'active' | 'barred';

/** What ScaiKey said last of a resource, in microseconds of its clock; 0 and null: nothing yet. */
export interface ScaikeySaid {
  readonly standing: ScaikeyStanding | null;
  readonly described_at: number;
  readonly standing_at: number;
}

export interface ScaikeyEventMark {
  readonly eventId: string;
  readonly eventType: string;
  readonly nowMs: number;
  readonly expiresAtMs: number;
}

/** What ScaiKey said of a tenant and its people, and which of its events were heard. */
export class ScaikeyRepository {
  constructor(private readonly tx: Tx) {}

  /** False if the event was heard before. One that another transaction is hearing now is waited for. */
  async noteEvent(ctx: TenantContext, { eventId, eventType, nowMs, expiresAtMs }: ScaikeyEventMark): Promise<boolean> {
    const row = { tenant_id: ctx.tenantId, event_id: eventId, event_type: eventType, received_at: nowMs, expires_at: expiresAtMs };
    return (await this.tx.rows(q('scaikey_events').insert(row).onConflict(['tenant_id', 'event_id']).ignore().returning('event_id'))).length > 0;
  }

  /** Forgets events that ScaiKey will not repeat any more; tells how many. */
  async expireEvents(ctx: TenantContext, nowMs: number, limit: number): Promise<number> {
    const text = `delete from scaikey_events where tenant_id = $1 and event_id in (
      select event_id from scaikey_events where tenant_id = $1 and expires_at <= $2 order by expires_at limit $3) returning 1`;
    return (await this.tx.prepared('scaikey_expire_events', text, [ctx.tenantId, nowMs, limit])).length;
  }

  /** What was said of a resource, locked until the transaction ends, so that two words about it come one after the other. */
  async hold(ctx: TenantContext, type: ScaikeyResource, id: string): Promise<ScaikeySaid> {
    const key = { tenant_id: ctx.tenantId, resource_type: type, resource_id: id };
    await this.tx.rows(q('scaikey_facts').insert(key).onConflict(['tenant_id', 'resource_type', 'resource_id']).ignore());
    const [said] = await this.tx.rows<ScaikeySaid>(q('scaikey_facts').select('standing', 'described_at', 'standing_at').where(key).forUpdate());
    return said ?? { standing: null, described_at: 0, standing_at: 0 };
  }

  /** The same for many, without a lock; those of which nothing was said are left out. */
  async find(ctx: TenantContext, type: ScaikeyResource, ids: readonly string[]): Promise<ReadonlyMap<string, ScaikeySaid>> {
    const rows = await this.tx.prepared<ScaikeySaid & { readonly resource_id: string }>(
      'scaikey_find',
      'select resource_id, standing, described_at, standing_at from scaikey_facts where tenant_id = $1 and resource_type = $2 and resource_id = any ($3)',
      [ctx.tenantId, type, [...ids]],
    );
    return new Map(rows.map(({ resource_id, ...said }) => [resource_id, said]));
  }

  async say(ctx: TenantContext, type: ScaikeyResource, id: string, said: Partial<ScaikeySaid>): Promise<void> {
    if (Object.keys(said).length === 0) return;
    await this.tx.rows(q('scaikey_facts').where({ tenant_id: ctx.tenantId, resource_type: type, resource_id: id }).update(said));
  }

  /** These were in a listing that began at `atMs`. */
  async saw(ctx: TenantContext, type: ScaikeyResource, ids: readonly string[], atMs: number): Promise<void> {
    await this.tx.prepared(
      'scaikey_saw',
      `insert into scaikey_facts (tenant_id, resource_type, resource_id, seen_at) select $1, $2, id, $4 from unnest($3::text[]) id order by id
       on conflict (tenant_id, resource_type, resource_id) do update set seen_at = excluded.seen_at`,
      [ctx.tenantId, type, [...ids], atMs],
    );
  }

  /** Of these, those of which ScaiKey spoke and that no listing since `atMs` had. */
  async unseen(ctx: TenantContext, type: ScaikeyResource, ids: readonly string[], atMs: number): Promise<readonly string[]> {
    const rows = await this.tx.prepared<{ resource_id: string }>(
      'scaikey_unseen_of',
      `select resource_id from scaikey_facts
       where tenant_id = $1 and resource_type = $2 and resource_id = any ($3) and seen_at < $4 and (standing is not null or described_at > 0)
       order by resource_id`,
      [ctx.tenantId, type, [...ids], atMs],
    );
    return rows.map((row) => row.resource_id);
  }

  /** Active people of ScaiKey that no listing since `atMs` had, in order; only those whose subject has this prefix are its. */
  async unseenPeople(ctx: TenantContext, subjectPrefix: string, atMs: number, limit: number): Promise<readonly string[]> {
    const rows = await this.tx.prepared<{ scaikey_subject: string }>(
      'scaikey_unseen',
      `select p.scaikey_subject from participants p
         left join scaikey_facts f on f.tenant_id = p.tenant_id and f.resource_type = 'user' and f.resource_id = p.scaikey_subject
       where p.tenant_id = $1 and starts_with(p.scaikey_subject, $2) and p.status = 'active' and coalesce(f.seen_at, 0) < $3
       order by p.scaikey_subject limit $4`,
      [ctx.tenantId, subjectPrefix, atMs, limit],
    );
    return rows.map((row) => row.scaikey_subject);
  }
}
