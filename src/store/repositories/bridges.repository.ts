import type { JsonObject } from '../../kernel/events.js';
import type { BridgeId, EventId, Fqid, ParticipantId, RoomId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export type BridgeDirection = 'in' | 'out' | 'both';
export type BridgeState = 'active' | 'paused' | 'ended';

export interface BridgeRow {
  readonly bridge_id: BridgeId;
  readonly room_id: RoomId;
  /** The bridge's own member. */
  readonly participant_id: ParticipantId;
  readonly fqid: Fqid;
  readonly name: string;
  readonly transport: string;
  readonly direction: BridgeDirection;
  readonly state: BridgeState;
  /** Why the node paused or ended it; null for an administrator's pause. */
  readonly paused_reason: string | null;
  readonly outbound_webhook: string | null;
  readonly settings: JsonObject;
  /** Key of its `swp.room.bridge` entry: platform and fingerprint of what it relays. */
  readonly channel: string;
  /** Its own join, and its `swp.room.bridge` entry, once they are written. */
  readonly joined_by: EventId | null;
  readonly announced_by: EventId | null;
  readonly created_at: number;
}

export type NewBridgeRow = Omit<BridgeRow, 'state' | 'paused_reason' | 'joined_by' | 'announced_by'>;
export type BridgeChange = Partial<Pick<BridgeRow, 'state' | 'paused_reason' | 'joined_by' | 'announced_by'>>;

export class BridgesRepository {
  constructor(private readonly tx: Tx) {}

  async add(ctx: TenantContext, bridge: NewBridgeRow): Promise<void> {
    await this.tx.rows(q('bridges').insert({ tenant_id: ctx.tenantId, ...bridge, settings: JSON.stringify(bridge.settings) }));
  }

  async find(ctx: TenantContext, id: BridgeId): Promise<BridgeRow | undefined> {
    const text = 'select * from bridges where tenant_id = $1 and bridge_id = $2';
    return (await this.tx.prepared<BridgeRow>('bridge_find', text, [ctx.tenantId, id]))[0];
  }

  /** Keeps others from changing it until this transaction has ended. */
  async lock(ctx: TenantContext, id: BridgeId): Promise<BridgeRow | undefined> {
    return (await this.tx.rows<BridgeRow>(q('bridges').where({ tenant_id: ctx.tenantId, bridge_id: id }).forNoKeyUpdate()))[0];
  }

  /** Keeps others from removing it until this transaction has ended; it may be changed meanwhile. False: it is not there. */
  async hold(ctx: TenantContext, id: BridgeId): Promise<boolean> {
    const text = 'select 1 from bridges where tenant_id = $1 and bridge_id = $2 for key share';
    return (await this.tx.prepared('bridge_hold', text, [ctx.tenantId, id])).length > 0;
  }

  async list(ctx: TenantContext, limit: number, offset: number): Promise<readonly (BridgeRow & { readonly total: number })[]> {
    return this.tx.prepared(
      'bridges_list',
      'select *, count(*) over () as total from bridges where tenant_id = $1 order by created_at desc, bridge_id limit $2 offset $3',
      [ctx.tenantId, limit, offset],
    );
  }

  /** Which of these bridges relay, or have relayed, into this room. */
  async inRoom(ctx: TenantContext, roomId: RoomId, ids: readonly string[]): Promise<readonly BridgeId[]> {
    const text = 'select bridge_id from bridges where tenant_id = $1 and room_id = $2 and bridge_id = any ($3)';
    return (await this.tx.prepared<{ bridge_id: BridgeId }>('bridges_in_room', text, [ctx.tenantId, roomId, [...ids]])).map((row) => row.bridge_id);
  }

  /** An ended bridge stays ended. False: there is no such bridge, or it has ended. */
  async change(ctx: TenantContext, id: BridgeId, change: BridgeChange): Promise<boolean> {
    const query = q('bridges').where({ tenant_id: ctx.tenantId, bridge_id: id }).whereNot({ state: 'ended' }).update(change).returning('bridge_id');
    return (await this.tx.rows(query)).length > 0;
  }

  /**
   * With everything that is only about it, once all that is being written about it has come. The people it brought and
   * what they said stay. False: it is not there.
   */
  async remove(ctx: TenantContext, id: BridgeId): Promise<boolean> {
    const held = await this.tx.rows(q('bridges').where({ tenant_id: ctx.tenantId, bridge_id: id }).forUpdate());
    for (const table of ['bridge_intents', 'deliveries', 'bridge_map', 'bridge_secrets', 'bridges']) {
      await this.tx.rows(q(table).where({ tenant_id: ctx.tenantId, bridge_id: id }).delete());
    }
    return held.length > 0;
  }
}
