import { federatedShadowId } from '../kernel/derived-ids.js';
import { EVENT_TYPES, type WireEvent } from '../kernel/events.js';
import { acceptsPeer, type FederationPolicy } from '../kernel/federation-policy.js';
import { serverOf, type Fqid } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Repositories } from '../store/store.js';

/**
 * Whether what a foreign home says of a person changes nothing here: nobody has met them, and they have gone, or their
 * server is not let in. Nobody becomes known here by that alone.
 */
export async function concernsNobody(ctx: TenantContext, { participants }: Pick<Repositories, 'participants'>, policy: FederationPolicy, event: WireEvent): Promise<boolean> {
  if (event.type !== EVENT_TYPES.member) return false;
  const target = event.content['target'] as Fqid;
  const server = serverOf(target);
  const isMet = server === ctx.serverName || (event.content['membership'] !== 'leave' && acceptsPeer(policy, server));
  return !isMet && (await participants.find(ctx, federatedShadowId(ctx.tenantId, target))) === undefined;
}
