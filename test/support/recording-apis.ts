import { Readable } from 'node:stream';
import type { Apis } from '../../src/http/routes/table.js';

/** What a route asked of which part of the API. */
export interface Asked {
  readonly of: string;
  readonly args: readonly unknown[];
}

const NO_FILE = { size: 1, sha256: '', mimeType: 'text/plain', inline: false, open: async () => Readable.from([]) };

/** APIs that answer with nothing, in a form that every kind of reply can be made of, and remember what they were asked. */
export function recordingApis(asked: Asked[]): Apis {
  const part = (area: string): object =>
    new Proxy({}, {
      get: (_target, method) => (...args: readonly unknown[]): Promise<unknown> => {
        asked.push({ of: `${area}.${String(method)}`, args });
        return Promise.resolve(Object.assign([], { ...NO_FILE, items: [], total: 0, has_more: false, next_cursor: null }));
      },
    });
  return new Proxy({}, { get: (_target, area) => part(String(area)) }) as Apis;
}
