import type { BridgeId, EventId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';

export interface MapEntry {
  readonly bridge: BridgeId;
  readonly externalId: string;
  readonly eventId: EventId;
}

/** Which message of the other side is which event here. Ids only; it is kept for as long as the bridge. */
export class BridgeMapRepository {
  constructor(private readonly tx: Tx) {}

  /** The first meaning of a foreign id stays. */
  async add(ctx: TenantContext, bridge: BridgeId, externalId: string, eventId: EventId): Promise<void> {
    await this.tx.prepared(
      'bridge_map_add',
      'insert into bridge_map (tenant_id, bridge_id, external_id, event_id) values ($1, $2, $3, $4) on conflict do nothing',
      [ctx.tenantId, bridge, externalId, eventId],
    );
  }

  /** Many at once; those of a bridge that is gone by now are left out. */
  async addMany(ctx: TenantContext, entries: readonly MapEntry[]): Promise<void> {
    await this.tx.prepared(
      'bridge_map_add_many',
      `insert into bridge_map (tenant_id, bridge_id, external_id, event_id)
       select b.tenant_id, b.bridge_id, n.external_id, n.event_id from unnest($2::text[], $3::text[], $4::text[]) as n (bridge_id, external_id, event_id)
       join bridges b on b.tenant_id = $1 and b.bridge_id = n.bridge_id order by 2, 3 for key share of b
       on conflict do nothing`,
      [ctx.tenantId, entries.map(({ bridge }) => bridge), entries.map(({ externalId }) => externalId), entries.map(({ eventId }) => eventId)],
    );
  }

  async eventOf(ctx: TenantContext, bridge: BridgeId, externalId: string): Promise<EventId | undefined> {
    const text = 'select event_id from bridge_map where tenant_id = $1 and bridge_id = $2 and external_id = $3 order by part limit 1';
    return (await this.tx.prepared<{ event_id: EventId }>('bridge_map_event', text, [ctx.tenantId, bridge, externalId]))[0]?.event_id;
  }

  /** What the other side calls an event; undefined if it does not know it. */
  async externalIdOf(ctx: TenantContext, bridge: BridgeId, event: EventId): Promise<string | undefined> {
    const text = 'select external_id from bridge_map where tenant_id = $1 and event_id = $3 and bridge_id = $2 order by part limit 1';
    return (await this.tx.prepared<{ external_id: string }>('bridge_map_external', text, [ctx.tenantId, bridge, event]))[0]?.external_id;
  }
}
