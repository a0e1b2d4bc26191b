import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import type { Log, Meter } from '../../kernel/ports.js';
import type { ScaikeyPart } from '../../store/repositories/scaikey-runs.repository.js';
import type { Heard } from './news.js';

export interface KeptApartDeps {
  readonly meter: Pick<Meter, 'count'>;
  readonly log: Pick<Log, 'warn'>;
}

/** One record that cannot be kept holds up no other: it is counted, and comes again with the next run. */
export async function keptApart({ meter, log }: KeptApartDeps, part: ScaikeyPart, resource: string, work: Promise<Heard>): Promise<Heard> {
  const heard = await outcomeOf(work);
  if (!(heard instanceof GatewayError)) return heard;
  meter.count('scaikey_passed_over_total', { part, code: heard.code });
  log.warn({ kind: part, resourceId: resource, code: heard.code }, 'a record of ScaiKey could not be kept');
  return 'ignored';
}
