import type { RoomId, ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** Parts of a hosted log that a server may read; `to_seq` null = still inside. */
export interface IntervalRow {
  readonly from_seq: number;
  readonly to_seq: number | null;
}

export class IntervalsRepository {
  constructor(private readonly tx: Tx) {}

  async open(ctx: TenantContext, roomId: RoomId, server: ServerName, fromSeq: number): Promise<void> {
    await this.tx.rows(
      q('intervals').insert({ tenant_id: ctx.tenantId, room_id: roomId, server_name: server, from_seq: fromSeq }).onConflict(['tenant_id', 'room_id', 'server_name', 'from_seq']).merge({ to_seq: null }),
    );
  }

  async close(ctx: TenantContext, roomId: RoomId, server: ServerName, toSeq: number): Promise<void> {
    await this.tx.rows(q('intervals').where({ tenant_id: ctx.tenantId, room_id: roomId, server_name: server }).whereNull('to_seq').update({ to_seq: toSeq }));
  }

  async list(ctx: TenantContext, roomId: RoomId, server: ServerName): Promise<readonly IntervalRow[]> {
    return this.tx.rows<IntervalRow>(
      q('intervals').select('from_seq', 'to_seq').where({ tenant_id: ctx.tenantId, room_id: roomId, server_name: server }).orderBy('from_seq'),
    );
  }
}
