import type { MediaId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Blobs, Clock, Log, Meter } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { MediaRow } from '../store/repositories/media.repository.js';
import type { Repositories, Store } from '../store/store.js';

export interface MediaSweepDeps {
  readonly store: Pick<Store, 'transact' | 'read'>;
  readonly blobs: Pick<Blobs, 'remove' | 'list'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Log, 'info'>;
  readonly meter: Pick<Meter, 'count'>;
}

type Kind = 'abandoned' | 'unnamed' | 'removed' | 'orphaned';

/** Gives an upload or a kept file up: it counts for nothing from here, and its bytes go next. */
export async function letGo(ctx: TenantContext, { media, usage }: Pick<Repositories, 'media' | 'usage'>, row: MediaRow): Promise<void> {
  await media.erase(ctx, row.media_id);
  await usage.releaseBytes(ctx, row.bytes);
}

/**
 * What lies between a row and its file: a row comes before its file and goes after it, so a crash at any point leaves a
 * row that says what is to be done, and a file without a row is nobody's.
 */
export class MediaSweep {
  constructor(private readonly deps: MediaSweepDeps) {}

  /** Resolves to true if there is more to do. */
  async run(ctx: TenantContext, signal: AbortSignal): Promise<boolean> {
    await this.reclaim(ctx);
    await this.#letUnnamedGo(ctx);
    if (await this.#removeErased(ctx)) return true;
    await this.#removeOrphans(ctx, signal);
    return false;
  }

  /** Takes back what uploads hold that nobody carries on with; true if there were any. */
  async reclaim(ctx: TenantContext): Promise<boolean> {
    const count = await this.deps.store.transact(ctx, async (repositories) => {
      const rows = await repositories.media.lockAbandoned(ctx, LIMITS.mediaSweepMax);
      for (const row of rows) await letGo(ctx, repositories, row);
      return rows.length;
    });
    this.#count(ctx, 'abandoned', count);
    return count > 0;
  }

  /** Ends one upload, whatever has become of it. */
  async giveUp(ctx: TenantContext, id: MediaId): Promise<void> {
    await this.deps.store.transact(ctx, async (repositories) => {
      const row = await repositories.media.lock(ctx, id);
      if (row !== undefined && row.state !== 'erasing') await letGo(ctx, repositories, row);
    });
    await this.remove(ctx, [id]);
  }

  /** Removes the bytes of files that were let go, then their rows. */
  async remove(ctx: TenantContext, ids: readonly MediaId[]): Promise<void> {
    for (const id of ids) await this.deps.blobs.remove(ctx, id);
    await this.deps.store.transact(ctx, ({ media }) => media.forget(ctx, ids));
    this.#count(ctx, 'removed', ids.length);
  }

  /** A file goes with the last message that named it. */
  async #letUnnamedGo(ctx: TenantContext): Promise<void> {
    const noted = await this.deps.store.read(ctx, ({ media }) => media.noted(ctx, LIMITS.mediaSweepMax));
    if (noted.length === 0) return;
    const count = await this.deps.store.transact(ctx, async (repositories) => {
      const rows = await repositories.media.lockUnnamed(ctx, noted.map((note) => note.media_id));
      for (const row of rows) await letGo(ctx, repositories, row);
      return rows.length;
    });
    await this.deps.store.transact(ctx, ({ media }) => media.strikeNotes(ctx, noted));
    this.#count(ctx, 'unnamed', count);
  }

  async #removeErased(ctx: TenantContext): Promise<boolean> {
    const ids = await this.deps.store.read(ctx, ({ media }) => media.erasing(ctx, LIMITS.mediaSweepMax));
    if (ids.length > 0) await this.remove(ctx, ids);
    return ids.length === LIMITS.mediaSweepMax;
  }

  async #removeOrphans(ctx: TenantContext, signal: AbortSignal): Promise<void> {
    for await (const ids of this.deps.blobs.list(ctx, this.deps.clock.nowMs() - LIMITS.mediaOrphanMs)) {
      if (signal.aborted) return;
      const known = await this.deps.store.read(ctx, ({ media }) => media.known(ctx, ids));
      const orphans = ids.filter((id) => !known.has(id));
      for (const id of orphans) await this.deps.blobs.remove(ctx, id);
      this.#count(ctx, 'orphaned', orphans.length);
    }
  }

  #count(ctx: TenantContext, kind: Kind, count: number): void {
    if (count === 0) return;
    this.deps.meter.count('media_swept_total', { kind }, count);
    if (kind !== 'removed') this.deps.log.info({ tenantId: ctx.tenantId, kind, count }, 'files were swept');
  }
}
