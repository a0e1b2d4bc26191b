import knex, { type Knex } from 'knex';
import pg from 'pg';
import { LIMITS } from '../kernel/limits.js';
import type { Log, Randomness, Timers } from '../kernel/ports.js';
import type { Migration } from './migrations/migration.js';
import { policyTools } from './migrations/policies.js';
import { BOOKKEEPING, prepareRoles, setPassword } from './owner-roles.js';
import { quoted, roleNames, type RoleNames } from './roles.js';
import { rolesOfUrl } from './service-url.js';
import { failureOf, gaveWay } from './sql-error.js';

export interface MigrateOptions {
  /** A login that may make roles: a superuser, or CREATEROLE and the owner of the database. */
  readonly ownerUrl: string;
  /** Names the roles by its login, and carries the password the service will use. Without it: the database's name. */
  readonly appUrl?: string;
  readonly migrations: readonly Migration[];
  readonly randomness: Pick<Randomness, 'bytes'>;
  readonly timers: Pick<Timers, 'sleep'>;
  readonly log: Pick<Log, 'warn'>;
}

/** `scaiwave migrate`: roles, then the steps that are still missing. Two at once wait for each other. */
export async function migrate(options: MigrateOptions): Promise<{ readonly roles: RoleNames; readonly applied: readonly string[] }> {
  const guard = new pg.Client({ connectionString: options.ownerUrl, ...BOUNDS });
  await guard.connect();
  try {
    await guard.query(`select pg_advisory_lock(hashtext('${BOOKKEEPING.schema}'))`);
    const roles = options.appUrl === undefined ? roleNames(guard.database ?? '') : rolesOfUrl(options.appUrl);
    await prepareRoles(guard, roles);
    const password = options.appUrl === undefined ? '' : new URL(options.appUrl).password;
    if (password !== '') await setPassword(guard, roles.app, decodeURIComponent(password), options.randomness);
    const applied = await applySteps(options, roles);
    return { roles, applied };
  } finally {
    await guard.end();
  }
}

const BOUNDS = {
  application_name: 'scaiwave migrate',
  connectionTimeoutMillis: LIMITS.dbConnectMs,
  lock_timeout: LIMITS.migrationMs,
  statement_timeout: LIMITS.migrationMs,
};
const STEP_BOUNDS = { ...BOUNDS, lock_timeout: LIMITS.migrationLockMs };

async function applySteps(options: MigrateOptions, roles: RoleNames): Promise<readonly string[]> {
  const db = ownerKnex(options, roles);
  try {
    // knex's own lock is a row that a killed migration leaves behind; the advisory lock above is the one that counts.
    if (await db.schema.withSchema(BOOKKEEPING.schema).hasTable(`${BOOKKEEPING.table}_lock`)) {
      await db.migrate.forceFreeMigrationsLock();
    }
    const applied: string[] = [];
    for (let step = await nextStep(db, options); step !== undefined; step = await nextStep(db, options)) applied.push(step);
    const books = `${BOOKKEEPING.schema}.${BOOKKEEPING.table}`;
    await db.raw(`grant select on ${books} to ${quoted(roles.app)}`);
    return applied;
  } finally {
    await db.destroy();
  }
}

/**
 * The next step, in a transaction of its own; undefined: there is none. Whatever uses a table queues up behind a step that
 * waits for it, so a step does not wait for long, gives way to those that use it, and tries again.
 */
async function nextStep(db: Knex, { timers, log }: Pick<MigrateOptions, 'timers' | 'log'>): Promise<string | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const [, [name]] = (await db.migrate.up()) as [number, string[]];
      return name;
    } catch (error) {
      if (attempt >= LIMITS.migrationTriesMax || !gaveWay(failureOf(error))) throw error;
      log.warn({ attempt }, 'a migration gave way to those who use the database; trying again');
      await timers.sleep(LIMITS.migrationPauseMs);
    }
  }
}

function ownerKnex({ ownerUrl, migrations, log }: MigrateOptions, roles: RoleNames): Knex {
  const note = (message: unknown): void => log.warn({}, String(message));
  return knex.knex({
    client: 'pg',
    connection: { connectionString: ownerUrl, ...STEP_BOUNDS },
    searchPath: ['public'],
    // A failed step is thrown as well; once is enough.
    log: { warn: note, error() {}, deprecate: note, debug() {} },
    pool: {
      min: 0,
      max: 1,
      afterCreate(client: pg.Client, done: (error: Error | null, client: pg.Client) => void) {
        client.query(`set role ${quoted(roles.owner)}`, (error: Error | null) => done(error, client));
      },
    },
    migrations: {
      schemaName: BOOKKEEPING.schema,
      tableName: BOOKKEEPING.table,
      // A newer node may have gone further; its steps only add, so this one can still run.
      disableMigrationsListValidation: true,
      migrationSource: sourceOf(migrations, roles),
    },
  });
}

function sourceOf(migrations: readonly Migration[], roles: RoleNames): Knex.MigrationSource<Migration> {
  return {
    getMigrations: async () => [...migrations],
    getMigrationName: ({ name }) => name,
    getMigration: async (step) => ({
      async up(db) {
        await step.up(policyTools(roles, async (sql) => void (await db.raw(sql.replaceAll('?', '\\?')))));
      },
      async down() {
        throw new Error('the schema only goes forward');
      },
    }),
  };
}
