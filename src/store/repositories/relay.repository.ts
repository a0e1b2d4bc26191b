import type { BridgeId, EventId, Fqid, RoomId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import type { EntryRow, PlacedEntryRow } from './entry-row.js';

export type AheadRow = Pick<EntryRow, 'event_type' | 'sender' | 'via' | 'state' | 'redacted_by'> & { readonly closed: boolean };

/** What relaying asks of a room's log. */
export class RelayRepository {
  constructor(private readonly tx: Tx) {}

  /** The entry as it is, kept from being erased until this transaction has ended. */
  async hold(ctx: TenantContext, roomId: RoomId, eventId: EventId): Promise<PlacedEntryRow | undefined> {
    const text = 'select * from entries where tenant_id = $1 and room_id = $2 and event_id = $3 and seq is not null for share';
    return (await this.tx.prepared<PlacedEntryRow>('relay_hold', text, [ctx.tenantId, roomId, eventId]))[0];
  }

  /** The next entries of a log, without what they say; `closed` is what this bridge has told, or set aside, ahead of its place. */
  async ahead(ctx: TenantContext, roomId: RoomId, bridge: BridgeId, afterSeq: number, limit: number): Promise<readonly AheadRow[]> {
    return this.tx.prepared<AheadRow>(
      'relay_ahead',
      `select e.event_type, e.sender, e.via, e.state, e.redacted_by, coalesce(d.state <> 'waiting', false) as closed from entries e
       left join deliveries d on d.tenant_id = e.tenant_id and d.bridge_id = $3 and d.event_id = e.event_id
       where e.tenant_id = $1 and e.room_id = $2 and e.seq > $4 order by e.seq limit $5`,
      [ctx.tenantId, roomId, bridge, afterSeq, limit],
    );
  }

  /** The form that a message has by now: the last edit of its own sender up to a number, if there is one that was not erased. */
  async lastEdit(ctx: TenantContext, roomId: RoomId, eventId: EventId, upToSeq: number): Promise<PlacedEntryRow | undefined> {
    const rows = await this.tx.prepared<PlacedEntryRow>(
      'relay_last_edit',
      `select x.* from entries x join entries e on e.tenant_id = x.tenant_id and e.event_id = x.relates_to
       where x.tenant_id = $1 and x.room_id = $2 and x.relates_to = $3 and x.event_type = 'swp.room.message.edit'
         and e.event_type = 'swp.room.message' and e.room_id = x.room_id and x.sender = e.sender
         and x.state = 'placed' and x.redacted_by is null and x.seq <= $4 order by x.seq desc limit 1`,
      [ctx.tenantId, roomId, eventId, upToSeq],
    );
    return rows[0];
  }

  /** Who spoke last under a type and target of the room's state. */
  async holder(ctx: TenantContext, roomId: RoomId, type: string, target: string): Promise<Fqid | undefined> {
    const rows = await this.tx.prepared<{ sender: Fqid }>(
      'relay_holder',
      `select sender from entries where tenant_id = $1 and room_id = $2 and event_type = $3 and target = $4 and seq is not null
       order by seq desc limit 1`,
      [ctx.tenantId, roomId, type, target],
    );
    return rows[0]?.sender;
  }

  /** Words that a bridge brought into a room whose home refused them, after a stream position. */
  async refused(ctx: TenantContext, roomId: RoomId, bridge: BridgeId, after: number, limit: number): Promise<readonly EntryRow[]> {
    return this.tx.prepared<EntryRow>(
      'relay_refused',
      `select * from entries where tenant_id = $1 and room_id = $2 and state = 'refused' and foreign_origin = 'bridge:' || $3
         and stream_position > $4 order by stream_position limit $5`,
      [ctx.tenantId, roomId, bridge, after, limit],
    );
  }
}
