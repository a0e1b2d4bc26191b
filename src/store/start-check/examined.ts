import type { DeclaredLocks } from '../migrations/locks.js';
import type { RoleNames } from '../roles.js';

export type Ask = <R extends object>(text: string, values?: readonly unknown[]) => Promise<R[]>;

/** What every check may look at. */
export interface Examined {
  readonly ask: Ask;
  readonly roles: RoleNames;
  readonly locks: DeclaredLocks;
}
