import { pbkdf2Sync, createHash, createHmac } from 'node:crypto';
import type pg from 'pg';
import type { Randomness } from '../kernel/ports.js';
import { quoted, type RoleNames } from './roles.js';

/** Where migrations keep their books; no tenant's data is in it. */
export const BOOKKEEPING = { schema: 'scaiwave_migrations', table: 'applied' } as const;

/** Makes the roles and what they may do outside of tables. Safe to repeat, and for many databases of a server at once. */
export async function prepareRoles(client: Pick<pg.Client, 'query'>, roles: RoleNames): Promise<void> {
  const [owner, system, app] = [quoted(roles.owner), quoted(roles.system), quoted(roles.app)];
  await client.query(unlessThere(`create role ${owner} nologin`));
  await client.query(unlessThere(`create role ${system} nologin`));
  await client.query(unlessThere(`create role ${app} login noinherit`));
  await client.query(unlessThere(`grant ${system} to ${app}`));
  // Only a superuser may act as the owner without being its member.
  await client.query(unlessThere(`if not (select rolsuper from pg_roles where rolname = current_user) then
    execute format('grant ${owner} to %I', current_user); end if`));
  await client.query(`create schema if not exists ${BOOKKEEPING.schema} authorization ${owner}`);
  await client.query(`
    revoke create on schema public from public;
    grant usage, create on schema public to ${owner};
    grant usage on schema public to ${app}, ${system};
    grant usage on schema ${BOOKKEEPING.schema} to ${app};
  `);
}

/** Roles belong to the server, so the lock of one database does not keep the migration of another from making them. */
function unlessThere(statement: string): string {
  return `do $role$ begin ${statement}; exception when duplicate_object or unique_violation then null; end $role$`;
}

const ITERATIONS = 4096;

/** Sets a password as its SCRAM verifier: the statement may be logged by the server, the password never is. */
export async function setPassword(
  client: { query(text: string): Promise<unknown> },
  role: string,
  password: string,
  randomness: Pick<Randomness, 'bytes'>,
): Promise<void> {
  const salt = randomness.bytes(16);
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
  const mac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(mac('Client Key')).digest('base64');
  const server = mac('Server Key').toString('base64');
  const verifier = `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${server}`;
  await client.query(`alter role ${quoted(role)} password '${verifier}'`);
}
