import type { JsonObject } from '../../kernel/events.js';
import type { LogName, RoomId, ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';

/** The keys of a third server that one room believes. */
export interface RoomKeysRow {
  readonly server_name: ServerName;
  readonly serial: number;
  /** The descriptor that the server signed, and its keys, as in `peers` (src/peering/peer-rows.ts). */
  readonly descriptor: JsonObject;
}

export class RoomKeysRepository {
  constructor(private readonly tx: Tx) {}

  async find(ctx: TenantContext, log: LogName, servers: readonly ServerName[]): Promise<readonly RoomKeysRow[]> {
    return this.tx.prepared<RoomKeysRow>(
      'room_keys_find',
      `select k.server_name, k.serial, k.descriptor from room_keys k join rooms r on r.tenant_id = k.tenant_id and r.room_id = k.room_id
       where k.tenant_id = $1 and r.log_name = $2 and k.server_name = any ($3)`,
      [ctx.tenantId, log, [...servers]],
    );
  }

  async count(ctx: TenantContext, log: LogName): Promise<number> {
    const rows = await this.tx.prepared<{ n: number }>(
      'room_keys_count',
      `select count(*)::integer as n from room_keys k join rooms r on r.tenant_id = k.tenant_id and r.room_id = k.room_id
       where k.tenant_id = $1 and r.log_name = $2`,
      [ctx.tenantId, log],
    );
    return rows[0]?.n ?? 0;
  }

  /** `before`: the descriptor that these follow, null for the first. False if the room believes others by now. */
  async save(ctx: TenantContext, roomId: RoomId, keys: RoomKeysRow, before: string | null, nowMs: number): Promise<boolean> {
    const rows = await this.tx.prepared(
      'room_keys_save',
      `insert into room_keys as k (tenant_id, room_id, server_name, serial, descriptor, first_seen) values ($1, $2, $3, $4, $5, $6)
       on conflict (tenant_id, room_id, server_name) do update set serial = excluded.serial, descriptor = excluded.descriptor
       where k.descriptor ->> 'jws' = $7 returning 1`,
      [ctx.tenantId, roomId, keys.server_name, keys.serial, JSON.stringify(keys.descriptor), nowMs, before],
    );
    return rows.length > 0;
  }
}
