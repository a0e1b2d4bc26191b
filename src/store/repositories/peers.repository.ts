import type { JsonObject } from '../../kernel/events.js';
import type { ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** first-use: taken as first seen. pinned: an administrator said so. frozen: another key showed up; an administrator must decide. */
export type PeerTrust = 'first-use' | 'pinned' | 'frozen';

export interface PeerRow {
  readonly server_name: ServerName;
  readonly trust: PeerTrust;
  readonly serial: number;
  /** The descriptor that the peer signed, and the keys that we trust for it (src/peering/known-peer.ts). */
  readonly descriptor: JsonObject;
  /** What a frozen peer shows now, until an administrator decides. */
  readonly candidate: JsonObject | null;
  readonly first_seen: number;
  readonly fetched_at: number;
  readonly last_seen: number | null;
  readonly last_error: string | null;
  readonly last_error_at: number | null;
}

export class PeersRepository {
  constructor(private readonly tx: Tx) {}

  async find(ctx: TenantContext, server: ServerName): Promise<PeerRow | undefined> {
    return (await this.tx.rows<PeerRow>(q('peers').where({ tenant_id: ctx.tenantId, server_name: server })))[0];
  }

  /** The same, holding the row until the transaction ends. */
  async lock(ctx: TenantContext, server: ServerName): Promise<PeerRow | undefined> {
    return (await this.tx.rows<PeerRow>(q('peers').where({ tenant_id: ctx.tenantId, server_name: server }).forUpdate()))[0];
  }

  /** False if the peer has a row already. */
  async add(ctx: TenantContext, peer: Pick<PeerRow, 'server_name' | 'trust' | 'serial' | 'descriptor' | 'fetched_at'>): Promise<boolean> {
    const columns = { tenant_id: ctx.tenantId, ...peer, first_seen: peer.fetched_at, descriptor: JSON.stringify(peer.descriptor) };
    const rows = await this.tx.rows(q('peers').insert(columns).onConflict(['tenant_id', 'server_name']).ignore().returning('server_name'));
    return rows.length > 0;
  }

  async count(ctx: TenantContext): Promise<number> {
    return Number((await this.tx.rows<{ n: string }>(q('peers').where({ tenant_id: ctx.tenantId }).count({ n: '*' })))[0]?.n ?? 0);
  }

  /**
   * Deletes those that nobody here has named and no room needs, all but the `keep` that spoke last; one that is frozen
   * goes after all others, and `except` stays. Returns whom it forgot.
   */
  async forgetUnused(ctx: TenantContext, keep: number, except: ServerName): Promise<readonly ServerName[]> {
    const rows = await this.tx.prepared<{ server_name: ServerName }>(
      'peers_forget_unused',
      `with unused as (
         select p.server_name from peers p where p.tenant_id = $1 and p.trust <> 'pinned' and p.server_name <> $3
           and not exists (select from tenants t where t.tenant_id = $1 and t.federation_policy -> 'allowed_peers' ? p.server_name)
           and not exists (select from rooms r where r.tenant_id = $1 and r.home = p.server_name)
           and not exists (select from members m where m.tenant_id = $1 and m.server_name = p.server_name)
           and not exists (select from consumers c where c.tenant_id = $1 and c.consumer_id = 'peer:' || p.server_name)
         order by p.trust = 'frozen' desc, coalesce(p.last_seen, p.first_seen) desc, p.server_name offset $2),
       free as (select p.server_name from peers p join unused using (server_name) where p.tenant_id = $1 order by p.server_name for update of p skip locked)
       delete from peers using free where peers.tenant_id = $1 and peers.server_name = free.server_name returning peers.server_name`,
      [ctx.tenantId, keep, except],
    );
    return rows.map(({ server_name: server }) => server);
  }

  async list(ctx: TenantContext): Promise<readonly PeerRow[]> {
    return this.tx.rows<PeerRow>(q('peers').where({ tenant_id: ctx.tenantId }).orderBy('server_name'));
  }

  async save(ctx: TenantContext, peer: Pick<PeerRow, 'server_name' | 'trust' | 'serial' | 'descriptor' | 'candidate' | 'fetched_at'>): Promise<void> {
    const { server_name: server, ...facts } = peer;
    const columns = { ...facts, descriptor: JSON.stringify(peer.descriptor), candidate: peer.candidate === null ? null : JSON.stringify(peer.candidate) };
    await this.tx.rows(q('peers').insert({ tenant_id: ctx.tenantId, server_name: server, first_seen: peer.fetched_at, ...columns }).onConflict(['tenant_id', 'server_name']).merge(columns));
  }

  async seen(ctx: TenantContext, server: ServerName, nowMs: number): Promise<void> {
    await this.tx.rows(q('peers').where({ tenant_id: ctx.tenantId, server_name: server }).update({ last_seen: nowMs }));
  }

  async failed(ctx: TenantContext, server: ServerName, error: string, nowMs: number): Promise<void> {
    await this.tx.rows(q('peers').where({ tenant_id: ctx.tenantId, server_name: server }).update({ last_error: error, last_error_at: nowMs }));
  }
}
