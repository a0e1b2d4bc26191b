import type { EventId, MediaId, ParticipantId, RoomId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export interface MediaRow {
  readonly media_id: MediaId;
  readonly participant_id: ParticipantId;
  readonly state: 'uploading' | 'kept' | 'erasing';
  /** What it counts for: reserved, or its size once it is kept. */
  readonly bytes: number;
  readonly name: string;
  /** Null until it is kept. */
  readonly mime_type: string | null;
  readonly sha256: Buffer | null;
  /** True: everybody of the tenant may read it. */
  readonly tenant_scope: boolean;
  readonly created_at: number;
}

export type NewMedia = Pick<MediaRow, 'media_id' | 'participant_id' | 'bytes' | 'name' | 'created_at'>;
export type KeptMedia = Pick<MediaRow, 'bytes' | 'tenant_scope'> & { readonly mime_type: string; readonly sha256: Buffer };

/** An erased event named this file. */
export interface MediaNote {
  readonly media_id: MediaId;
  readonly event_id: EventId;
}

/** The length is what lets the indexes be used. */
const named = (member: string): string => `length(e.content ->> '${member}') <= 64 and e.content ->> '${member}' = m.media_id`;

/** Messages of our own people that name a file, `m`; what servers and bridges write gives nobody a right. */
const NAMED_BY_OWN = `e.tenant_id = m.tenant_id and (${named('media_id')} or ${named('thumbnail_id')})
  and e.foreign_origin is null and e.state in ('placed', 'pending')`;

/** Who writes here holds the row of a file before the row of usage. */
export class MediaRepository {
  constructor(private readonly tx: Tx) {}

  async begin(ctx: TenantContext, media: NewMedia, leaseMs: number): Promise<void> {
    await this.tx.prepared(
      'media_begin',
      `insert into media (tenant_id, media_id, participant_id, state, bytes, name, created_at, lease_until)
       values ($1, $2, $3, 'uploading', $4, $5, $6, now() + make_interval(secs => $7 / 1000.0))`,
      [ctx.tenantId, media.media_id, media.participant_id, media.bytes, media.name, media.created_at, leaseMs],
    );
  }

  async countUploading(ctx: TenantContext): Promise<number> {
    const text = "select count(*) as n from media where tenant_id = $1 and state = 'uploading'";
    return (await this.tx.prepared<{ n: number }>('media_count_uploading', text, [ctx.tenantId]))[0]?.n ?? 0;
  }

  /** Reserves more for an upload, and lets it live on; false = it is not going on any more. */
  async extend(ctx: TenantContext, id: MediaId, bytes: number, leaseMs: number): Promise<boolean> {
    const rows = await this.tx.prepared(
      'media_extend',
      `update media set bytes = bytes + $3, lease_until = now() + make_interval(secs => $4 / 1000.0)
       where tenant_id = $1 and media_id = $2 and state = 'uploading' returning 1`,
      [ctx.tenantId, id, bytes, leaseMs],
    );
    return rows.length > 0;
  }

  async settle(ctx: TenantContext, id: MediaId, kept: KeptMedia): Promise<void> {
    await this.tx.rows(q('media').where({ tenant_id: ctx.tenantId, media_id: id, state: 'uploading' }).update({ ...kept, state: 'kept', lease_until: null }));
  }

  /** From here on nobody reads it, and it counts for nothing; its bytes are still to be removed. */
  async erase(ctx: TenantContext, id: MediaId): Promise<void> {
    await this.tx.rows(q('media').where({ tenant_id: ctx.tenantId, media_id: id }).update({ state: 'erasing', bytes: 0, lease_until: null }));
  }

  /** The rows of files whose bytes are removed. */
  async forget(ctx: TenantContext, ids: readonly MediaId[]): Promise<void> {
    await this.tx.prepared('media_forget', "delete from media where tenant_id = $1 and media_id = any ($2) and state = 'erasing'", [ctx.tenantId, [...ids]]);
  }

  async lock(ctx: TenantContext, id: MediaId): Promise<MediaRow | undefined> {
    return (await this.tx.prepared<MediaRow>('media_lock', 'select * from media where tenant_id = $1 and media_id = $2 for update', [ctx.tenantId, id]))[0];
  }

  /** Uploads that nobody carries on with, locked. */
  async lockAbandoned(ctx: TenantContext, limit: number): Promise<readonly MediaRow[]> {
    return this.tx.prepared<MediaRow>(
      'media_lock_abandoned',
      `select * from media where tenant_id = $1 and state = 'uploading' and lease_until < now()
       order by media_id limit $2 for update skip locked`,
      [ctx.tenantId, limit],
    );
  }

  async erasing(ctx: TenantContext, limit: number): Promise<readonly MediaId[]> {
    const text = "select media_id from media where tenant_id = $1 and state = 'erasing' order by media_id limit $2";
    return (await this.tx.prepared<{ media_id: MediaId }>('media_erasing', text, [ctx.tenantId, limit])).map((row) => row.media_id);
  }

  /** Which of these have a row, in whatever state. */
  async known(ctx: TenantContext, ids: readonly MediaId[]): Promise<ReadonlySet<MediaId>> {
    const text = 'select media_id from media where tenant_id = $1 and media_id = any ($2)';
    return new Set((await this.tx.prepared<{ media_id: MediaId }>('media_known', text, [ctx.tenantId, [...ids]])).map((row) => row.media_id));
  }

  /** A kept file, if the person uploaded it, may read a message that names it, or everybody of the tenant may read it. */
  async readable(ctx: TenantContext, person: ParticipantId, id: MediaId): Promise<MediaRow | undefined> {
    const rows = await this.tx.prepared<MediaRow>(
      'media_readable',
      `select m.* from media m where m.tenant_id = $1 and m.media_id = $3 and m.state = 'kept' and (m.participant_id = $2 or m.tenant_scope or exists (
         select 1 from entries e join spans s on s.tenant_id = e.tenant_id and s.room_id = e.room_id and s.participant_id = $2
           and e.stream_position >= s.since_position and (s.until_position is null or e.stream_position <= s.until_position)
         where ${NAMED_BY_OWN}))`,
      [ctx.tenantId, person, id],
    );
    return rows[0];
  }

  async find(ctx: TenantContext, id: MediaId): Promise<MediaRow | undefined> {
    return (await this.tx.prepared<MediaRow>('media_find', "select * from media where tenant_id = $1 and media_id = $2 and state = 'kept'", [ctx.tenantId, id]))[0];
  }

  /** Kept files, the newest first: those of one person, or with `null` those of everybody. */
  async list(ctx: TenantContext, person: ParticipantId | null, page: { readonly limit: number; readonly offset: number }): Promise<readonly (MediaRow & { readonly total: number })[]> {
    return this.tx.prepared(
      'media_list',
      `select *, count(*) over () as total from media where tenant_id = $1 and state = 'kept' and ($2::uuid is null or participant_id = $2)
       order by created_at desc, media_id limit $3 offset $4`,
      [ctx.tenantId, person, page.limit, page.offset],
    );
  }

  /**
   * Notes which files an event and its edits name, before they are erased. It waits for nobody: whoever erases holds the
   * tenant's head already, and the rows of files come before that.
   */
  async noteErased(ctx: TenantContext, roomId: RoomId, eventId: EventId): Promise<void> {
    await this.tx.prepared(
      'media_note_erased',
      `insert into media_unnamed (tenant_id, media_id, event_id)
       select m.tenant_id, m.media_id, e.event_id from entries e join media m on ${NAMED_BY_OWN}
       where e.tenant_id = $1 and e.room_id = $2 and (e.event_id = $3 or e.relates_to = $3) on conflict do nothing`,
      [ctx.tenantId, roomId, eventId],
    );
  }

  async noted(ctx: TenantContext, limit: number): Promise<readonly MediaNote[]> {
    const text = 'select media_id, event_id from media_unnamed where tenant_id = $1 order by media_id, event_id limit $2';
    return this.tx.prepared<MediaNote>('media_noted', text, [ctx.tenantId, limit]);
  }

  /** In a transaction of its own, so that whoever notes does not wait. */
  async strikeNotes(ctx: TenantContext, notes: readonly MediaNote[]): Promise<void> {
    await this.tx.prepared(
      'media_strike_notes',
      'delete from media_unnamed u using unnest($2::text[], $3::text[]) n (media_id, event_id) where u.tenant_id = $1 and u.media_id = n.media_id and u.event_id = n.event_id',
      [ctx.tenantId, notes.map((note) => note.media_id), notes.map((note) => note.event_id)],
    );
  }

  /** Those of these files that were meant for readers of a message and that no message names any more; locked. */
  async lockUnnamed(ctx: TenantContext, ids: readonly MediaId[]): Promise<readonly MediaRow[]> {
    return this.tx.prepared<MediaRow>(
      'media_lock_unnamed',
      `select m.* from media m where m.tenant_id = $1 and m.media_id = any ($2) and m.state = 'kept' and not m.tenant_scope
         and not exists (select 1 from entries e where ${NAMED_BY_OWN}) order by m.media_id for update`,
      [ctx.tenantId, [...ids]],
    );
  }
}
