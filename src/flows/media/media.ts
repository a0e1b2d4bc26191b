import { actBy } from '../../kernel/audit.js';
import { roleReaches, type Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { MediaId, ParticipantId } from '../../kernel/ids.js';
import type { Blobs, Clock } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { letGo, type MediaSweep } from '../../lanes/media-sweep.js';
import type { MediaRow } from '../../store/repositories/media.repository.js';
import type { Store } from '../../store/store.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import type { MediaApi, MediaLinkView, MediaView, StoredFile, Upload } from '../api/media.js';
import type { Page, PageRequest } from '../api/page.js';
import { iso } from '../event-view.js';
import type { MediaLinks } from './media-links.js';
import { isShownInline } from './media-type.js';
import type { ReceiveUpload } from './receive-upload.js';

export interface MediaDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly blobs: Pick<Blobs, 'read'>;
  readonly receiveUpload: Pick<ReceiveUpload, 'run'>;
  readonly sweep: Pick<MediaSweep, 'remove'>;
  readonly links: MediaLinks;
  readonly tenants: Pick<TenantDirectory, 'byId'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly publicUrl: () => string;
}

/** Files that people share. */
export class Media implements MediaApi {
  constructor(private readonly deps: MediaDeps) {}

  async upload(caller: Caller, upload: Upload): Promise<MediaView> {
    return mediaView(await this.deps.receiveUpload.run(caller, upload));
  }

  async list({ ctx, participantId }: Caller, page: PageRequest): Promise<Page<MediaView>> {
    return this.#page(ctx, participantId, page);
  }

  async listAll({ ctx }: Caller, page: PageRequest): Promise<Page<MediaView>> {
    return this.#page(ctx, null, page);
  }

  async info(caller: Caller, id: MediaId): Promise<MediaView> {
    return mediaView(await this.#readable(caller, id));
  }

  async download(caller: Caller, id: MediaId): Promise<StoredFile> {
    return this.#stored(caller.ctx, await this.#readable(caller, id));
  }

  async link(caller: Caller, id: MediaId, lifetimeMs: number): Promise<MediaLinkView> {
    await this.#readable(caller, id);
    const expiresAtMs = this.deps.clock.nowMs() + lifetimeMs;
    const token = this.deps.links.token({ tenantId: caller.ctx.tenantId, id }, expiresAtMs);
    return { url: `${this.deps.publicUrl()}/v1/media/links/${token}`, expires_at: iso(expiresAtMs) };
  }

  async follow(token: string): Promise<StoredFile> {
    const { tenantId, id } = this.deps.links.open(token);
    const { ctx } = await this.deps.tenants.byId({ tenantId });
    if (ctx.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', ctx.slug);
    const row = await this.deps.store.read(ctx, ({ media }) => media.find(ctx, id));
    if (row === undefined) throw new GatewayError('SW_MEDIA_NOT_FOUND', id);
    return this.#stored(ctx, row);
  }

  /** Its uploader's right, and an administrator's. */
  async remove(caller: Caller, id: MediaId): Promise<void> {
    const { ctx, participantId, role } = caller;
    await this.deps.store.transact(ctx, async (repositories) => {
      const row = await repositories.media.lock(ctx, id);
      const mayRemove = row?.participant_id === participantId || roleReaches(role, 'tenant_admin');
      if (row?.state === 'kept' && mayRemove) {
        await letGo(ctx, repositories, row);
        // Whose file it was finds out who took it.
        if (row.participant_id !== participantId) await repositories.audit.append(ctx, actBy(caller, 'media.deleted', id, { uploaded_by: row.participant_id, bytes: row.bytes }));
        return;
      }
      const seen = await repositories.media.readable(ctx, participantId, id);
      throw new GatewayError(seen === undefined ? 'SW_MEDIA_NOT_FOUND' : 'SW_AUTH_INSUFFICIENT_PERMISSION', id);
    });
    await this.deps.sweep.remove(ctx, [id]);
  }

  async #page(ctx: TenantContext, person: ParticipantId | null, page: PageRequest): Promise<Page<MediaView>> {
    const rows = await this.deps.store.read(ctx, ({ media }) => media.list(ctx, person, page));
    return { items: rows.map(mediaView), total: rows[0]?.total ?? 0 };
  }

  async #readable({ ctx, participantId }: Caller, id: MediaId): Promise<MediaRow> {
    const row = await this.deps.store.read(ctx, ({ media }) => media.readable(ctx, participantId, id));
    if (row === undefined) throw new GatewayError('SW_MEDIA_NOT_FOUND', id);
    return row;
  }

  #stored(ctx: TenantContext, row: MediaRow): StoredFile {
    const { name, size, sha256, mime_type: mimeType } = mediaView(row);
    return { name, size, sha256, mimeType, inline: isShownInline(mimeType), open: (range) => this.deps.blobs.read(ctx, row.media_id, range) };
  }
}

function mediaView(row: MediaRow): MediaView {
  if (row.sha256 === null || row.mime_type === null) throw new Error(`${row.media_id} is not kept yet`);
  return {
    media_id: row.media_id,
    sha256: row.sha256.toString('hex'),
    size: row.bytes,
    mime_type: row.mime_type,
    name: row.name,
    thumbnail_id: null,
    width: null,
    height: null,
    scan_status: null,
    tenant_scope: row.tenant_scope,
    uploaded_by: row.participant_id,
    created_at: iso(row.created_at),
  };
}
