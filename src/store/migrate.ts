import knex, { type Knex } from 'knex';
import pg from 'pg';
import { LIMITS } from '../kernel/limits.js';
import type { Log, Randomness } from '../kernel/ports.js';
import type { Migration } from './migrations/migration.js';
import { policyTools } from './migrations/policies.js';
import { BOOKKEEPING, prepareRoles, setPassword } from './owner-roles.js';
import { quoted, roleNames, type RoleNames } from './roles.js';
import { rolesOfUrl } from './service-url.js';

export interface MigrateOptions {
  /** A login that may make roles: a superuser, or CREATEROLE and the owner of the database. */
  readonly ownerUrl: string;
  /** Names the roles by its login, and carries the password the service will use. Without it: the database's name. */
  readonly appUrl?: string;
  readonly migrations: readonly Migration[];
  readonly randomness: Pick<Randomness, 'bytes'>;
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

async function applySteps(options: MigrateOptions, roles: RoleNames): Promise<readonly string[]> {
  const db = ownerKnex(options, roles);
  try {
    // knex's own lock is a row that a killed migration leaves behind; the advisory lock above is the one that counts.
    if (await db.schema.withSchema(BOOKKEEPING.schema).hasTable(`${BOOKKEEPING.table}_lock`)) {
      await db.migrate.forceFreeMigrationsLock();
    }
    const [, applied] = (await db.migrate.latest()) as [number, string[]];
    const books = `${BOOKKEEPING.schema}.${BOOKKEEPING.table}`;
    await db.raw(`grant select on ${books} to ${quoted(roles.app)}`);
    return applied;
  } finally {
    await db.destroy();
  }
}

function ownerKnex({ ownerUrl, migrations, log }: MigrateOptions, roles: RoleNames): Knex {
  const note = (message: unknown): void => log.warn({}, String(message));
  return knex.knex({
    client: 'pg',
    connection: { connectionString: ownerUrl, ...BOUNDS },
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
