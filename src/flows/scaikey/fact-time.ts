import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';

/**
 * When what is about to be asked for is certainly true, in microseconds. Events are dated by ScaiKey's clock and answers
 * are not dated at all: an answer counts as older by as much as the two clocks may differ, so that it never undoes an
 * event that came while it was being made.
 */
export function factTimeUs(clock: Pick<Clock, 'nowMs'>): number {
  return (clock.nowMs() - LIMITS.clockSkewMs) * 1_000;
}
