import type { Readable } from 'node:stream';
import type { Caller } from '../../kernel/caller.js';
import type { MediaId } from '../../kernel/ids.js';
import type { ByteRange } from '../../kernel/ports.js';
import type { Page, PageRequest } from './page.js';

export interface MediaView {
  readonly media_id: string;
  /** Hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** As its bytes say, not its sender. */
  readonly mime_type: string;
  readonly name: string;
  /** Pictures are not looked into here, and no scanner is connected: always `null`. */
  readonly thumbnail_id: null;
  readonly width: null;
  readonly height: null;
  readonly scan_status: null;
  /** True: everybody of the tenant may read it. */
  readonly tenant_scope: boolean;
  readonly uploaded_by: string;
  readonly created_at: string;
}

/** A file on its way in. */
export interface Upload {
  /** `null` when the client gives it none. */
  readonly name: string | null;
  /** `null` when nobody knows; a few bytes too low where a form surrounds the file. */
  readonly expectedBytes: number | null;
  /** Walked once. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Asked once the chunks have ended. */
  readonly tenantScope: () => boolean;
}

/** A file on its way out. */
export interface StoredFile {
  readonly size: number;
  readonly sha256: string;
  readonly mimeType: string;
  readonly name: string;
  /** False: a browser must save it, not show it. */
  readonly inline: boolean;
  readonly open: (range: ByteRange) => Promise<Readable>;
}

export interface MediaLinkView {
  readonly url: string;
  readonly expires_at: string;
}

export interface MediaApi {
  upload(caller: Caller, upload: Upload): Promise<MediaView>;
  /** The caller's own. */
  list(caller: Caller, page: PageRequest): Promise<Page<MediaView>>;
  /** The whole tenant's. */
  listAll(caller: Caller, page: PageRequest): Promise<Page<MediaView>>;
  info(caller: Caller, id: MediaId): Promise<MediaView>;
  download(caller: Caller, id: MediaId): Promise<StoredFile>;
  /** Whoever has the link may read, until it expires. */
  link(caller: Caller, id: MediaId, lifetimeMs: number): Promise<MediaLinkView>;
  follow(token: string): Promise<StoredFile>;
  remove(caller: Caller, id: MediaId): Promise<void>;
}
