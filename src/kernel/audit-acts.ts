/**
 * Everything that is written into a tenant's audit, by its stable name: area, dot, what happened. A closed list, held
 * together with specs/protocol/audit.md by a test.
 */
export const AUDIT_ACTS = [
  'tenant.created',
  'tenant.changed',
  'tenant.suspended',
  'tenant.resumed',

  'participant.created',
  'participant.changed',
  'participant.deactivated',
  'participant.restored',
  'partner.created',
  'partner.changed',

  'signing_key.generated',
  'signing_key.rotated',

  'federation.policy_changed',
  'federation.peer_pinned',
  'federation.profile_refreshed',

  'room.federated',
  'room.unfederated',
  'room.foreign_invited',
  'room.backfill_asked',
  'room.frozen_left',

  'bridge.created',
  'bridge.paused',
  'bridge.resumed',
  'bridge.ended',
  'bridge.deleted',
  'bridge.secret_rotated',
  'bridge.delivery_replayed',

  'ai.config_changed',
  'ai.key_set',
  'ai.key_removed',
  'ai.model_enabled',
  'ai.model_disabled',
  'ai.participant_created',
  'ai.participant_configured',
  'prompt_studio.changed',
  'prompt_studio.templates_changed',

  'media.deleted',

  'sidekick.cancelled',
] as const;

export type AuditAct = (typeof AUDIT_ACTS)[number];
