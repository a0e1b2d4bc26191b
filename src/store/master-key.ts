import { constants } from 'node:fs';
import { link, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Randomness } from '../kernel/ports.js';
import { refuseStart } from './start-refusal.js';

export const MASTER_KEY_BYTES = 32;

/** 32 bytes in base64url, base64 or hex; anything else is refused rather than stretched into a key. */
export function parseMasterKey(text: string, source: string): Buffer {
  const trimmed = text.trim();
  const isHex = /^[0-9a-fA-F]{64}$/.test(trimmed);
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed);
  if (!isHex && !isBase64) refuseStart('master-key', `${source} must hold 32 bytes in base64 or hex.`);
  return Buffer.from(trimmed, isHex ? 'hex' : 'base64');
}

/** Reads a key file, which nobody but its owner may be able to read. */
export async function readMasterKeyFile(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return refuseStart('master-key', `The master key file ${path} cannot be read (${code}).`);
  });
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) refuseStart('master-key', `The master key file ${path} must have mode 0600.`);
    return parseMasterKey(await file.readFile('utf8'), path);
  } finally {
    await file.close();
  }
}

/** The key of a node for which none was named: made at the first start, whole or not at all, and never replaced. */
export async function ensureMasterKeyFile(path: string, randomness: Pick<Randomness, 'bytes' | 'uuid'>): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomness.uuid()}`;
  try {
    await writeFile(draft, `${randomness.bytes(MASTER_KEY_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await link(draft, path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return readMasterKeyFile(path);
}
