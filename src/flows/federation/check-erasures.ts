import { isErasable, POWER } from '../../kernel/authority.js';
import { eventIdOf } from '../../kernel/derived-ids.js';
import { EVENT_TYPES } from '../../kernel/events.js';
import type { Fqid } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { DueClaimRow } from '../../store/repositories/erasure-claims.repository.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { Repositories } from '../../store/store.js';
import type { ProvenRun } from '../../verify/proven-run.js';
import { Fork } from './stored-run.js';

/**
 * Holds what a home says it has erased against the place that it names as the redaction: at once if that place is here,
 * otherwise when it comes. Throws a `Fork` where it is none. The run is written, and its room is locked.
 */
export async function checkErasures(ctx: TenantContext, { erasureClaims }: Pick<Repositories, 'erasureClaims'>, room: RoomRow, run: ProvenRun): Promise<void> {
  const erased = run.entries.flatMap(({ entry }) => (entry.form === 'erased' ? [entry] : []));
  const hidden = erased.find(({ type }) => !isErasable(type));
  if (hidden !== undefined) throw new Fork(hidden.seq);
  await erasureClaims.note(ctx, room.room_id, erased);
  for (const claim of await erasureClaims.takeDue(ctx, room.room_id, Math.max(room.head_seq, run.folded.lastSeq))) {
    if (!isErasable(claim.event_type) || !isRedactionOf(ctx, claim) || !(await mayRedact(ctx, erasureClaims, room, claim))) throw new Fork(claim.seq);
  }
}

/** A redaction whose words did not come along counts: what it is about cannot be known here. */
function isRedactionOf(ctx: TenantContext, claim: DueClaimRow): boolean {
  if (claim.redaction_type !== EVENT_TYPES.redaction || claim.redaction_reason === 'SW_FED_EVENT_SIGNATURE') return false;
  const about = claim.redaction_about;
  if (about === null || about === eventIdOf(ctx.tenantId, claim.origin, claim.wire_id)) return true;
  return claim.event_type === EVENT_TYPES.edit && mayBeEditOf(claim);
}

/** An edit goes with its message. One that came hollow names none: then it may be of any that its author said before it. */
function mayBeEditOf(claim: DueClaimRow): boolean {
  if (claim.relates_to !== null) return claim.relates_to === claim.redaction_about;
  if (claim.about_seq === null) return true;
  return claim.about_type === EVENT_TYPES.message && claim.about_sender === claim.sender && claim.about_seq < claim.seq;
}

/** Another's words are a moderator's to redact. Of somebody whose power is not known here it is the home that knows. */
async function mayRedact(ctx: TenantContext, claims: Pick<Repositories['erasureClaims'], 'powerBefore'>, room: RoomRow, claim: DueClaimRow): Promise<boolean> {
  const { redaction_sender: by, redacted_by: seq } = claim;
  if (by === claim.sender) return true;
  const told = await claims.powerBefore(ctx, room.room_id, by, seq, room.start_seq);
  const power = told === undefined && room.start_seq === 0 ? powerAtFirst(room, by) : told;
  return power === null || power === undefined || power >= POWER.moderator;
}

function powerAtFirst({ creator }: RoomRow, person: Fqid): number {
  return person === creator ? POWER.admin : POWER.member;
}
