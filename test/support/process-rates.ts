import type { Clock } from '../../src/kernel/ports.js';
import { systemClock, systemTimers } from '../../src/kernel/system-ports.js';
import { RateLimits } from '../../src/store/cache/rate-limits.js';
import { silentLog, silentMeter } from './silent-ports.js';

/** Rates of a node that is one process. */
export function processRates(clock: Pick<Clock, 'monotonicMs'> = systemClock): RateLimits {
  return new RateLimits({ clock, timers: systemTimers, meter: silentMeter, log: silentLog });
}
