import { randomUUID } from 'node:crypto';
import { actBy, type AuditEntry } from '../../src/kernel/audit.js';
import type { Caller } from '../../src/kernel/caller.js';
import { fqidOf, parseLocalId, parseParticipantId, parseServerName, parseTenantId } from '../../src/kernel/ids.js';
import type { TenantContext } from '../../src/kernel/tenant-context.js';
import { Store } from '../../src/store/store.js';
import type { TestDatabase } from './database.js';

/** Tenants and people of one database, with nothing but a store. */
export class AuditWorld {
  readonly store: Store;

  constructor(private readonly database: TestDatabase) {
    this.store = new Store(database.database);
  }

  async tenant(slug: string): Promise<TenantContext> {
    const scope = { tenantId: parseTenantId(randomUUID()) };
    return this.store.transact(scope, async ({ tenants }) => {
      await tenants.create(scope, { ...scope, slug, name: slug, scaikeyTenantId: slug, serverName: parseServerName(`${slug}.example`), partnerId: null, createdAtMs: 1 });
      const loaded = await tenants.load(scope);
      if (loaded === undefined) throw new Error('the tenant is not there');
      return loaded.ctx;
    });
  }

  /** An administrator at home in `home`, acting in `ctx`. */
  async admin(home: TenantContext, ctx: TenantContext = home): Promise<Caller> {
    const participantId = parseParticipantId(randomUUID());
    const localId = parseLocalId(`admin-${participantId.slice(0, 8)}`);
    await this.store.transact(home, ({ participants }) =>
      participants.add(home, {
        participant_id: participantId, participant_type: 'human', local_id: localId, server_name: home.serverName, display_name: 'Admin', avatar_url: null, foreign_origin: null, scaikey_subject: participantId, created_at: 1,
      }),
    );
    return { ctx, homeTenantId: home.tenantId, participantId, fqid: fqidOf(localId, home.serverName), role: 'partner_admin', partnerId: null, requestId: 'a-request', expiresAtMs: null };
  }

  async act(ctx: TenantContext, ...entries: readonly AuditEntry[]): Promise<void> {
    await this.store.transact(ctx, async ({ audit }) => {
      for (const entry of entries) await audit.append(ctx, entry);
    });
  }

  /** Runs statements as somebody who owns the database and has switched the triggers off. */
  async tamper(...statements: readonly string[]): Promise<void> {
    await this.database.asOwner(['set session_replication_role = replica', ...statements].join('; '));
  }
}

export function renamed(caller: Caller, target: string): AuditEntry {
  return actBy(caller, 'bridge.paused', target, { reason: 'a test' });
}
