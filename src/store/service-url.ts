import { rolesBeside, type RoleNames } from './roles.js';
import { refuseStart } from './start-refusal.js';

/** The roles that belong to the login of a service's URL. */
export function rolesOfUrl(url: string): RoleNames {
  const login = decodeURIComponent(new URL(url).username);
  const roles = rolesBeside(login);
  if (roles === undefined) {
    refuseStart('role-power', `SCAIWAVE_DB_URL logs in as "${login}", which does not end in "_app": name the login of the service, such as gateway_app; "scaiwave migrate" makes it.`);
  }
  return roles;
}
