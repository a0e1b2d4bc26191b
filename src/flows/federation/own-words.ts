import type { Contract } from '../../contract/contract.js';
import { eventIdOf } from '../../kernel/derived-ids.js';
import { serverOf, type EventId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { readEvent } from '../../protocol/event.js';
import type { LogRepository } from '../../store/repositories/log.repository.js';
import { withWords, type ProvenEntry } from '../../verify/proven-run.js';

/**
 * Entries of a run, where the home gives one of our own events a place without its words: with the words, which wait here.
 * What our people said goes by a redaction that is held here, never by a home's claim that there was one.
 */
export async function withOwnWords(ctx: TenantContext, contract: Contract, log: Pick<LogRepository, 'findMany'>, entries: readonly ProvenEntry[]): Promise<readonly ProvenEntry[]> {
  const ids = entries.map((one) => hollowOwn(ctx, one));
  const rows = await log.findMany(ctx, ids.filter((id) => id !== undefined));
  const waiting = new Map(rows.flatMap(({ event_id: id, seq, jws }) => (seq === null && jws !== null ? [[id, readEvent(contract, jws)] as const] : [])));
  return entries.map((one, index) => {
    const id = ids[index];
    const event = id === undefined ? undefined : waiting.get(id);
    return event?.eventHash.equals(one.entry.eventHash) === true ? withWords(one, event) : one;
  });
}

function hollowOwn(ctx: TenantContext, { entry }: ProvenEntry): EventId | undefined {
  const isHollow = entry.form === 'erased' || entry.form === 'withheld';
  return isHollow && serverOf(entry.sender) === ctx.serverName ? eventIdOf(ctx.tenantId, ctx.serverName, entry.id) : undefined;
}
