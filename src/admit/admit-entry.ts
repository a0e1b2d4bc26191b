import { EVENT_TYPES, isStateType, type WireEvent } from '../kernel/events.js';
import { acceptsPeer, type FederationPolicy } from '../kernel/federation-policy.js';
import { LIMITS, MEGABYTE } from '../kernel/limits.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Entry } from '../protocol/entry.js';
import type { UsageRow } from '../store/repositories/usage.repository.js';
import type { ProvenEntry } from '../verify/proven-run.js';
import { joinsOnlyTheSender, joinsSomebody } from './consent.js';

declare const admitted: unique symbol;

/** A place of a foreign log with what is kept of it: a mirror refuses no place, only content. */
export interface AdmittedEntry {
  readonly [admitted]: true;
  readonly entry: Entry;
  /** Code of why the content is not kept; undefined = it is, or it was erased. */
  readonly withheld: string | undefined;
}

export interface EntryStanding {
  readonly ctx: TenantContext;
  readonly policy: FederationPolicy;
  readonly usage: Pick<UsageRow, 'mirror_bytes'> | undefined;
}

/** What a tenant's mirrors may hold before no more talk is kept. */
export function mirrorBytesMax({ limits }: Pick<TenantContext, 'limits'>): number {
  return limits.max_mirror_mb * MEGABYTE;
}

/** Whether the content of a proven place may be kept here, now. */
export function admitEntry(standing: EntryStanding, { entry, refusal }: ProvenEntry): AdmittedEntry {
  return made(entry, refusal?.code ?? reasonToWithhold(standing, entry));
}

/** The same place without its content, where its effect cannot be had here. */
export function withhold({ entry }: AdmittedEntry, code: string): AdmittedEntry {
  return made(entry, code);
}

/** Whether state that a home says held at a start may hold here. It is not kept as text, so it takes up no room. */
export function admitsState({ ctx, policy }: Omit<EntryStanding, 'usage'>, event: WireEvent): boolean {
  return refusalOf({ ctx, policy, usage: undefined }, event) === undefined;
}

function reasonToWithhold(standing: EntryStanding, entry: Entry): string | undefined {
  if (entry.form === 'withheld') return entry.code;
  return entry.form === 'event' ? refusalOf(standing, entry.event.event) : undefined;
}

function refusalOf(standing: EntryStanding, event: WireEvent): string | undefined {
  const { ctx, policy } = standing;
  const isOwn = event.origin === ctx.serverName;
  if (!isOwn && !acceptsPeer(policy, event.origin) && !takesAway(event)) return 'SW_FED_POLICY';
  if (joinsSomebody(event) && !joinsOnlyTheSender(event)) return 'SW_FED_EVENT_INVALID';
  return isFull(standing, event) ? 'SW_TENANT_CAPACITY' : undefined;
}

/** State goes on for a while after talk: without it a room is not understood. What our own people did is had in any case. */
function isFull({ ctx, usage }: EntryStanding, event: WireEvent): boolean {
  const held = usage?.mirror_bytes ?? 0;
  if (takesAway(event) || event.origin === ctx.serverName) return false;
  return held >= mirrorBytesMax(ctx) + (isStateType(event.type) ? LIMITS.mirrorStateBytesMax : 0);
}

/** What only takes away holds whoever wrote it: without it a copy would keep what its room no longer has. */
function takesAway({ type, content }: Pick<WireEvent, 'type' | 'content'>): boolean {
  const { membership } = content;
  return type === EVENT_TYPES.redaction || (type === EVENT_TYPES.member && (membership === 'leave' || membership === 'ban'));
}

function made(entry: Entry, withheld: string | undefined): AdmittedEntry {
  return Object.freeze({ entry, withheld }) as AdmittedEntry;
}
