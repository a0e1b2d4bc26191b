import pg from 'pg';
import { LIMITS } from '../../kernel/limits.js';
import { declaredLocks } from '../migrations/locks.js';
import type { Migration } from '../migrations/migration.js';
import type { RoleNames } from '../roles.js';
import { refuseStart, StartRefusal, type Finding } from '../start-refusal.js';
import { checkAppendOnly } from './append-only.js';
import type { Ask, Examined } from './examined.js';
import { checkDefiners, checkPolicies, checkSpanning } from './policies.js';
import { checkKeys, checkRelations } from './relations.js';
import { checkRights, checkRole } from './role.js';
import { checkServer, checkVersion } from './version.js';

export interface StartCheckOptions {
  readonly url: string;
  readonly roles: RoleNames;
  readonly migrations: readonly Migration[];
}

const CHECKS: readonly ((examined: Examined) => Promise<Finding[]>)[] = [
  checkRole,
  checkRights,
  checkRelations,
  checkKeys,
  checkPolicies,
  checkSpanning,
  checkAppendOnly,
  checkDefiners,
];

/** SQLSTATE: no such role or not let in, wrong password. */
const NO_SUCH_LOGIN: ReadonlySet<string> = new Set(['28000', '28P01']);

/** Refuses to run on a database where one lock of the tenants is missing. All faults are told at once. */
export async function startCheck({ url, roles, migrations }: StartCheckOptions): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: LIMITS.dbConnectMs,
    statement_timeout: LIMITS.statementTimeoutMs,
  });
  try {
    await client.connect();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (NO_SUCH_LOGIN.has(code)) refuseStart('unreachable', `The database refuses the login (${code}). It and its password are made by "scaiwave migrate".`);
    refuseStart('unreachable', `The database cannot be reached${code === '' ? '' : ` (${code})`}.`);
  }
  const ask: Ask = async <R extends object>(text: string, values: readonly unknown[] = []) =>
    (await client.query<R & pg.QueryResultRow>(text, [...values])).rows;
  try {
    refuseIfAny([...(await checkServer(ask)), ...(await checkVersion(ask, migrations))]);
    const examined: Examined = { ask, roles, locks: await declaredLocks(migrations) };
    const findings: Finding[] = [];
    for (const check of CHECKS) findings.push(...(await check(examined)));
    refuseIfAny(findings);
  } finally {
    await client.end();
  }
}

function refuseIfAny(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new StartRefusal(findings);
}
