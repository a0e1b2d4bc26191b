import { bridgeShadowId } from '../kernel/derived-ids.js';
import { GatewayError } from '../kernel/errors.js';
import { parseLocalId, type BridgeId, type LocalId, type ParticipantId } from '../kernel/ids.js';
import { localIdSlug } from '../kernel/local-ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { BridgeSender } from '../protocol/transports/transport.js';
import type { Repositories } from '../store/store.js';
import { clean, webAddress } from './shadows.js';

const MARK_CHARS = 8;

/** What foreign authors and their words are marked with. */
export function originOf(bridge: BridgeId): string {
  return `bridge:${bridge}`;
}

/**
 * The participant that stands for a person behind a bridge, made when they first speak. Throws SW_BRIDGE_CAPACITY when
 * the tenant has no room for another, SW_BRIDGE_NOT_FOUND when the bridge has gone: whoever takes it away gives back
 * what its shadows take, so none may come after.
 */
export async function bridgeShadowOf(ctx: TenantContext, { participants, bridges, usage }: Repositories, bridge: BridgeId, sender: BridgeSender, nowMs: number): Promise<ParticipantId> {
  const id = bridgeShadowId(ctx.tenantId, bridge, sender.externalId);
  const profile = { displayName: clean(sender.displayName) ?? clean(sender.externalId) ?? 'somebody', avatarUrl: webAddress(sender.avatarUrl) };
  for (const localId of namesFor(id, sender.externalId)) {
    const known = await participants.find(ctx, id);
    if (known !== undefined) {
      const same = known.display_name === profile.displayName && known.avatar_url === profile.avatarUrl;
      if (!same) await participants.describe(ctx, id, profile);
      return id;
    }
    if (!(await bridges.hold(ctx, bridge))) throw new GatewayError('SW_BRIDGE_NOT_FOUND', bridge);
    const made = await participants.add(ctx, {
      participant_id: id,
      participant_type: 'bridge',
      local_id: localId,
      server_name: ctx.serverName,
      display_name: profile.displayName,
      avatar_url: profile.avatarUrl,
      foreign_origin: originOf(bridge),
      scaikey_subject: null,
      created_at: nowMs,
    });
    if (!made) continue;
    if (await usage.take(ctx, 'bridge_shadows', ctx.limits.max_bridge_shadows)) return id;
    throw new GatewayError('SW_BRIDGE_CAPACITY', `max_bridge_shadows ${ctx.limits.max_bridge_shadows}`);
  }
  if ((await participants.find(ctx, id)) !== undefined) return id;
  throw new GatewayError('SW_INTERNAL', `no free name for a shadow of ${bridge}`);
}

/** The foreign id as a name; where somebody has it already, with a mark of the shadow's own. */
function namesFor(id: ParticipantId, externalId: string): readonly LocalId[] {
  const slug = localIdSlug(externalId);
  const mark = id.replaceAll('-', '');
  return [slug, `${slug}-${mark.slice(0, MARK_CHARS)}`, `person-${mark}`].map((name) => parseLocalId(name));
}
