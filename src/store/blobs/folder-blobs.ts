import { constants } from 'node:fs';
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { GatewayError } from '../../kernel/errors.js';
import { parseMediaId, type MediaId } from '../../kernel/ids.js';
import type { Blobs, ByteRange, TenantScope } from '../../kernel/ports.js';

/** Without room: of the disk, of the account's quota, or of the largest file there may be. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const SHARD_CHARS = 2;
/** What else lies in the folder was not put there by us. */
const OURS = /^[0-9a-f-]{36}$/;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Files in a folder: `<root>/<tenant id>/<first two digits>/<uuid>`. Any number of processes may share it. */
export class FolderBlobs implements Blobs {
  constructor(private readonly root: string) {}

  async put(ctx: TenantScope, id: MediaId, bytes: AsyncIterable<Buffer>): Promise<void> {
    const path = this.#path(ctx, id);
    try {
      const file = await this.#made(ctx, id);
      try {
        await written(file, bytes);
        await synced(this.#folder(ctx, id));
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
    } catch (error) {
      throw FULL.has(codeOf(error)) ? new GatewayError('SW_STORAGE_FULL', codeOf(error), { cause: error }) : error;
    }
  }

  async read(ctx: TenantScope, id: MediaId, { start, end }: ByteRange): Promise<Readable> {
    try {
      const file = await open(this.#path(ctx, id), constants.O_RDONLY | constants.O_NOFOLLOW);
      return file.createReadStream({ start, end });
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') throw new GatewayError('SW_MEDIA_NOT_FOUND', `the file of ${id} is gone`, { cause });
      throw cause;
    }
  }

  async remove(ctx: TenantScope, id: MediaId): Promise<void> {
    await rm(this.#path(ctx, id), { force: true });
  }

  async *list(ctx: TenantScope, beforeMs: number): AsyncIterable<readonly MediaId[]> {
    const own = join(this.root, ctx.tenantId);
    for (const shard of await namesIn(own)) {
      const old: MediaId[] = [];
      for (const name of await namesIn(join(own, shard))) {
        const facts = await stat(join(own, shard, name)).catch(() => undefined);
        if (facts?.isFile() === true && facts.mtimeMs < beforeMs && OURS.test(name)) old.push(parseMediaId(`med-${name}`));
      }
      if (old.length > 0) yield old;
    }
  }

  async #made(ctx: TenantScope, id: MediaId): Promise<FileHandle> {
    const folder = this.#folder(ctx, id);
    const isNew = (await mkdir(folder, { recursive: true, mode: FOLDER_MODE })) !== undefined;
    if (isNew) for (const above of [dirname(folder), this.root]) await synced(above);
    return open(this.#path(ctx, id), 'wx', FILE_MODE);
  }

  #folder({ tenantId }: TenantScope, id: MediaId): string {
    return join(this.root, tenantId, nameOf(id).slice(0, SHARD_CHARS));
  }

  #path(ctx: TenantScope, id: MediaId): string {
    return join(this.#folder(ctx, id), nameOf(id));
  }
}

/** Parsed again because it becomes a path. */
function nameOf(id: MediaId): string {
  return parseMediaId(id).slice('med-'.length);
}

async function written(file: FileHandle, bytes: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of bytes) await file.appendFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new name survives a power cut only when its folder has been written as well. */
async function synced(folder: string): Promise<void> {
  const opened = await open(folder, constants.O_RDONLY);
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
