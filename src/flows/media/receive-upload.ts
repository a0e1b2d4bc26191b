import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import { parseMediaId, type MediaId } from '../../kernel/ids.js';
import { LIMITS, MEGABYTE } from '../../kernel/limits.js';
import type { Blobs, Clock, Log, Meter, Randomness } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { MediaSweep } from '../../lanes/media-sweep.js';
import type { MediaRow } from '../../store/repositories/media.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { Upload } from '../api/media.js';
import { currentTenant } from '../current-tenant.js';
import { fileName } from './file-name.js';
import { IncomingBytes, tooLarge } from './incoming-bytes.js';
import { mediaType } from './media-type.js';

export interface ReceiveUploadDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly blobs: Pick<Blobs, 'put'>;
  readonly sweep: Pick<MediaSweep, 'reclaim' | 'giveUp'>;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
  readonly log: Pick<Log, 'warn'>;
  readonly meter: Pick<Meter, 'count'>;
}

interface Begun {
  readonly id: MediaId;
  readonly name: string;
  readonly reservedBytes: number;
}

/**
 * A file comes in: its bytes are reserved, then written, then counted as what they are. Whatever goes wrong in between
 * gives the reservation back and leaves no file; where this process cannot, its lease runs out and the sweep does.
 */
export class ReceiveUpload {
  constructor(private readonly deps: ReceiveUploadDeps) {}

  async run(caller: Caller, upload: Upload): Promise<MediaRow> {
    const begun = await this.#begin(caller, upload);
    try {
      const incoming = new IncomingBytes(this.#reserve(caller.ctx, begun.id), begun.reservedBytes, this.deps.clock);
      await this.deps.blobs.put(caller.ctx, begun.id, incoming.through(upload.chunks));
      const row = await this.#settle(caller.ctx, begun, incoming, upload);
      this.#count('kept', row.bytes);
      return row;
    } catch (error) {
      this.#count(error instanceof GatewayError ? 'refused' : 'failed', 0);
      await this.#abandon(caller.ctx, begun.id);
      throw error;
    }
  }

  async #begin(caller: Caller, upload: Upload): Promise<Begun> {
    const begun: Begun = { id: parseMediaId(`med-${this.deps.randomness.uuid()}`), name: fileName(upload.name), reservedBytes: upload.expectedBytes ?? 0 };
    if (begun.reservedBytes > LIMITS.mediaBytesMax) throw tooLarge();
    try {
      await this.#reserveFirst(caller, begun);
    } catch (error) {
      // What dead processes hold is asked back before anybody is refused for it.
      const mayBeHeld = error instanceof GatewayError && (error.code === 'SW_TENANT_CAPACITY' || error.code === 'SW_OVERLOADED');
      if (!mayBeHeld || !(await this.deps.sweep.reclaim(caller.ctx))) {
        this.#count('refused', 0);
        throw error;
      }
      await this.#reserveFirst(caller, begun);
    }
    return begun;
  }

  async #reserveFirst({ ctx, participantId }: Caller, { id, name, reservedBytes }: Begun): Promise<void> {
    await this.deps.store.transact(ctx, async (repositories) => {
      const tenant = await activeTenant(ctx, repositories);
      const { media } = repositories;
      // Not exact, and need not be: it keeps one tenant from taking all connections.
      if ((await media.countUploading(ctx)) >= LIMITS.mediaUploadsPerTenantMax) throw new GatewayError('SW_OVERLOADED', 'uploads of the tenant');
      await media.begin(ctx, { media_id: id, participant_id: participantId, bytes: reservedBytes, name, created_at: this.deps.clock.nowMs() }, LIMITS.mediaLeaseMs);
      if (!(await takes(tenant, repositories, reservedBytes))) throw full(tenant);
    });
  }

  #reserve(ctx: TenantContext, id: MediaId): { more(needed: number, wanted: number): Promise<number>; renew(): Promise<void> } {
    const take = (bytes: number): Promise<boolean> =>
      this.deps.store.transact(ctx, async (repositories) => {
        const tenant = await activeTenant(ctx, repositories);
        if (!(await repositories.media.lock(ctx, id).then(isUploading))) throw givenUp(id);
        if (!(await takes(tenant, repositories, bytes))) return false;
        return repositories.media.extend(ctx, id, bytes, LIMITS.mediaLeaseMs);
      });
    return {
      more: async (needed, wanted) => {
        if (await take(wanted)) return wanted;
        if (wanted > needed && (await take(needed))) return needed;
        throw full(ctx);
      },
      renew: async () => void (await take(0)),
    };
  }

  async #settle(ctx: TenantContext, { id, name }: Begun, incoming: IncomingBytes, upload: Upload): Promise<MediaRow> {
    const kept = { bytes: incoming.size, mime_type: mediaType(incoming.sample, name), sha256: incoming.sha256(), tenant_scope: upload.tenantScope() };
    return this.deps.store.transact(ctx, async (repositories) => {
      await activeTenant(ctx, repositories);
      const row = await repositories.media.lock(ctx, id);
      if (row === undefined || !isUploading(row)) throw givenUp(id);
      await repositories.media.settle(ctx, id, kept);
      await repositories.usage.releaseBytes(ctx, row.bytes - kept.bytes);
      return { ...row, ...kept, state: 'kept' };
    });
  }

  /** The refusal that led here is what the client is told. */
  async #abandon(ctx: TenantContext, id: MediaId): Promise<void> {
    try {
      await this.deps.sweep.giveUp(ctx, id);
    } catch (error) {
      this.deps.log.warn({ tenantId: ctx.tenantId, mediaId: id, error }, 'an upload is left to the sweep');
    }
  }

  #count(outcome: 'kept' | 'refused' | 'failed', bytes: number): void {
    this.deps.meter.count('media_uploads_total', { outcome });
    if (bytes > 0) this.deps.meter.count('media_uploaded_bytes_total', {}, bytes);
  }
}

/** What a long upload began under may have ended meanwhile. */
async function activeTenant(ctx: TenantContext, repositories: Repositories): Promise<TenantContext> {
  const tenant = await currentTenant(ctx, repositories);
  if (tenant.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', tenant.slug);
  return tenant;
}

async function takes(tenant: TenantContext, { usage }: Repositories, bytes: number): Promise<boolean> {
  return bytes === 0 || usage.takeBytes(tenant, bytes, tenant.limits.max_storage_mb * MEGABYTE);
}

function isUploading(row: MediaRow | undefined): boolean {
  return row?.state === 'uploading';
}

function full({ limits }: TenantContext): GatewayError {
  return new GatewayError('SW_TENANT_CAPACITY', `max_storage_mb ${limits.max_storage_mb}`);
}

function givenUp(id: MediaId): GatewayError {
  return new GatewayError('SW_UNAVAILABLE', `the upload of ${id} was given up meanwhile`);
}
