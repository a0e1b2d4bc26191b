import { cutText } from '../kernel/cut-text.js';
import { federatedShadowId } from '../kernel/derived-ids.js';
import { GatewayError } from '../kernel/errors.js';
import { localIdOf, serverOf, type Fqid, type ParticipantId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Repositories } from '../store/store.js';


export interface Profile {
  readonly displayName?: string | undefined;
  readonly avatarUrl?: string | null | undefined;
}

/**
 * The participant that an FQID means here: a local person by name, or the shadow of a foreign one, made when first met.
 * Throws SW_PARTICIPANT_NOT_FOUND for a name of our own server that nobody has, SW_TENANT_CAPACITY when shadows are at
 * their limit.
 */
export async function participantOf(ctx: TenantContext, repositories: Repositories, fqid: Fqid, profile: Profile, nowMs: number): Promise<ParticipantId> {
  return serverOf(fqid) === ctx.serverName ? localPerson(ctx, repositories, fqid) : shadowOf(ctx, repositories, fqid, profile, nowMs);
}

async function localPerson(ctx: TenantContext, { participants }: Repositories, fqid: Fqid): Promise<ParticipantId> {
  const row = await participants.findByName(ctx, localIdOf(fqid), ctx.serverName);
  if (row === undefined) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', fqid);
  return row.participant_id;
}

async function shadowOf(ctx: TenantContext, { participants, usage }: Repositories, fqid: Fqid, profile: Profile, nowMs: number): Promise<ParticipantId> {
  const id = federatedShadowId(ctx.tenantId, fqid);
  if ((await participants.find(ctx, id)) !== undefined) return id;
  if (!(await usage.take(ctx, 'federated_shadows', ctx.limits.max_federated_shadows))) {
    throw new GatewayError('SW_TENANT_CAPACITY', `max_federated_shadows ${ctx.limits.max_federated_shadows}`);
  }
  const made = await participants.add(ctx, {
    participant_id: id,
    participant_type: 'federated',
    local_id: localIdOf(fqid),
    server_name: serverOf(fqid),
    display_name: clean(profile.displayName) ?? localIdOf(fqid),
    avatar_url: webAddress(profile.avatarUrl),
    foreign_origin: serverOf(fqid),
    scaikey_subject: null,
    created_at: nowMs,
  });
  if (!made) await usage.release(ctx, 'federated_shadows');
  return id;
}

/** A display name without controls, halves of characters and direction marks, which would let one person look like another; or nothing. */
export function clean(name: string | undefined): string | undefined {
  const text = name?.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '').trim();
  return text === undefined || text === '' ? undefined : cutText(text, LIMITS.displayNameCharsMax);
}

/** An avatar that browsers may fetch, or none. */
export function webAddress(url: string | null | undefined): string | null {
  if (url === null || url === undefined || url.length > LIMITS.avatarUrlCharsMax || !URL.canParse(url)) return null;
  return ['https:', 'http:'].includes(new URL(url).protocol) ? url : null;
}
