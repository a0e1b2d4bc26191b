import type { Config } from './config/config.js';
import { composeBasics } from './app/node.js';
import { migrateDatabase } from './app/storage.js';

export { checkAuditExport } from './app/audit-export.js';
export { openAdmin } from './app/admin.js';
export { startNode } from './app/node.js';
export { openSync } from './app/sync.js';

/** Makes or updates schema, roles and grants. Returns the names of what was applied. */
export function migrate(config: Config): Promise<readonly string[]> {
  return migrateDatabase(config, composeBasics(config));
}
