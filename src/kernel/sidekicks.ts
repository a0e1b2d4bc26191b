import type { TenantContext } from './tenant-context.js';

/** The words of a sidekick (specs/protocol/sidekicks.md). */
export type SidekickStatus = 'spawning' | 'running' | 'done' | 'failed' | 'cancelled' | 'timed_out';
export type ContextMode = 'task_only' | 'full';

/** How many may be at work in a tenant at once: the documented flag where it is set, the limit otherwise. */
export function maxSidekicks({ limits, features }: Pick<TenantContext, 'limits' | 'features'>): number {
  const flags = features['sidekick_limits'];
  const max = typeof flags === 'object' && flags !== null && 'max_concurrent' in flags ? flags['max_concurrent'] : undefined;
  return typeof max === 'number' && Number.isInteger(max) && max >= 0 ? max : limits.max_sidekicks;
}
