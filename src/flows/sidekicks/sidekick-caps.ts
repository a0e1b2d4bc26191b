import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { SidekickRow } from '../../store/repositories/sidekicks.repository.js';

type Used = Pick<SidekickRow, 'steps' | 'tokens'>;

/** Why a task may not go on for what it has used, if it may not. */
export function spentOf({ limits }: TenantContext, { steps, tokens }: Used): string | undefined {
  if (steps >= limits.max_sidekick_steps) return `Its ${limits.max_sidekick_steps} steps were used up.`;
  if (limits.max_sidekick_tokens !== null && tokens >= limits.max_sidekick_tokens) return `Its ${limits.max_sidekick_tokens} tokens were used up.`;
  return undefined;
}

/** Its worker should come to an end. */
export function nearlySpent({ limits: { max_sidekick_tokens: max } }: TenantContext, { tokens }: Used): boolean {
  return max !== null && tokens * 100 >= max * LIMITS.sidekickTokensWarnPercent;
}
