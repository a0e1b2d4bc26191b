import { GatewayError } from '../kernel/errors.js';

/** The three roles of one database. Roles belong to the whole server, so their names carry a prefix of their own. */
export interface RoleNames {
  /** No login. Owns the schema; only migrations act as it. */
  readonly owner: string;
  /** No login. Sees the listed columns of all tenants; only spanning calls act as it. */
  readonly system: string;
  /** Login, NOINHERIT, owns nothing. The service. */
  readonly app: string;
}

const IDENTIFIER_BYTES_MAX = 63;
const APP = '_app';

/** By default the prefix is the name of the database. */
export function roleNames(prefix: string): RoleNames {
  const roles = { owner: `${prefix}_owner`, system: `${prefix}_system`, app: `${prefix}${APP}` };
  if (prefix === '' || Buffer.byteLength(roles.system) > IDENTIFIER_BYTES_MAX) {
    throw new GatewayError('SW_INTERNAL', `role names cannot be made from the prefix "${prefix}"`);
  }
  return roles;
}

/** The roles beside a login, or undefined if it is not the login of a service. */
export function rolesBeside(login: string): RoleNames | undefined {
  return login.endsWith(APP) && login.length > APP.length ? roleNames(login.slice(0, -APP.length)) : undefined;
}

/** An identifier as SQL. */
export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
