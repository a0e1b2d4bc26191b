import type { Apis } from '../../src/http/routes/table.js';

/** APIs that a table of routes can be made from when nothing will be called. */
export function silentApis(): Apis {
  return new Proxy({}, { get: () => ({}) }) as Apis;
}
