import type { Admin } from '../app/admin.js';
import type { checkAuditExport } from '../app/audit-export.js';
import type { RunningNode } from '../app/node.js';
import type { IdentitySync } from '../app/sync.js';
import type { Config } from '../config/config.js';

/** What the command asks of the composed application; `src/app.ts` provides it. */
export interface Application {
  /** Resolves when requests are answered. */
  startNode(config: Config): Promise<RunningNode>;
  openAdmin(config: Config): Promise<Admin>;
  openSync(config: Config): Promise<IdentitySync>;
  /** Of a file, without a database. */
  readonly checkAuditExport: typeof checkAuditExport;
  /** Makes or updates schema, roles and grants. Returns the names of what was applied. */
  migrate(config: Config): Promise<readonly string[]>;
}
