import type { ServerName } from './ids.js';

export type PeerMode = 'open' | 'invite_only' | 'closed';

/** Whom a tenant federates with; JSON names as documented. */
export interface FederationPolicy {
  readonly default_mode: PeerMode;
  readonly allowed_peers: readonly ServerName[];
  /** Refused whatever the mode says. */
  readonly denied_peers: readonly ServerName[];
  readonly max_foreign_participants_per_room: number;
  /** 0 refuses backfill. */
  readonly max_backfill_events_per_request: number;
}

/** Closed to strangers until an administrator decides otherwise. */
export const FEDERATION_POLICY_DEFAULT: FederationPolicy = Object.freeze({
  default_mode: 'invite_only',
  allowed_peers: Object.freeze([]),
  denied_peers: Object.freeze([]),
  max_foreign_participants_per_room: 50,
  max_backfill_events_per_request: 1_000,
});

export function policyOf(stored: Partial<FederationPolicy>): FederationPolicy {
  return { ...FEDERATION_POLICY_DEFAULT, ...stored };
}

/** Whether a tenant with this policy deals with a server at all. */
export function acceptsPeer(policy: FederationPolicy, server: ServerName): boolean {
  if (policy.denied_peers.includes(server)) return false;
  if (policy.default_mode === 'closed') return false;
  return policy.default_mode === 'open' || policy.allowed_peers.includes(server);
}
