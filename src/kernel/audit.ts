import type { AuditAct } from './audit-acts.js';
import type { Caller, Role } from './caller.js';
import type { JsonObject } from './events.js';
import type { Fqid, ParticipantId, TenantId } from './ids.js';

/** A person who acts: in their home tenant, or for another one. A {@link Caller} is one. */
export interface ActingPerson {
  readonly participantId: ParticipantId;
  readonly fqid: Fqid;
  readonly role: Role;
  /** Whose person they are. When it is not the tenant acted in, both audits are written. */
  readonly homeTenantId: TenantId;
}

/** Who acts when nobody is signed in: the node itself, its command line, or ScaiKey by webhook or reconcile. */
export const UNNAMED_ACTORS = ['system', 'cli', 'scaikey'] as const;
export type UnnamedActor = (typeof UNNAMED_ACTORS)[number];

export type AuditActor = ActingPerson | UnnamedActor;

/** One act, as it is to be written down. */
export interface AuditEntry {
  readonly actor: AuditActor;
  readonly act: AuditAct;
  /** Id of what was acted upon; `null` when it is the tenant. */
  readonly target: string | null;
  /** Small, and without secrets: it is kept for good and is exported. */
  readonly detail: JsonObject;
  /** The request that did it, as in logs; `null` when none did. */
  readonly requestId: string | null;
}

/** Which acts are asked for; `null` = whichever. */
export interface AuditFilter {
  /** An FQID, or the word of one who is not signed in. */
  readonly actor: string | null;
  readonly act: AuditAct | null;
  /** Acts whose name begins so. */
  readonly actPrefix: string | null;
  readonly target: string | null;
  /** Milliseconds, included. */
  readonly sinceMs: number | null;
  /** Milliseconds, not included. */
  readonly untilMs: number | null;
}

export const EVERY_ACT: AuditFilter = Object.freeze({ actor: null, act: null, actPrefix: null, target: null, sinceMs: null, untilMs: null });

export function isEveryAct(filter: AuditFilter): boolean {
  return Object.values(filter).every((part) => part === null);
}

/** What a signed-in person did. */
export function actBy(caller: Caller, act: AuditAct, target: string | null, detail: JsonObject = {}): AuditEntry {
  return { actor: caller, act, target, detail, requestId: caller.requestId };
}

/** What nobody signed in for. */
export function actOf(actor: UnnamedActor, act: AuditAct, target: string | null, detail: JsonObject = {}): AuditEntry {
  return { actor, act, target, detail, requestId: null };
}

/** Whoever acts, signed in or not. */
export type Actor = Caller | UnnamedActor;

export function actFrom(actor: Actor, act: AuditAct, target: string | null, detail: JsonObject = {}): AuditEntry {
  return typeof actor === 'string' ? actOf(actor, act, target, detail) : actBy(actor, act, target, detail);
}
