import { voiceOf } from '../../kernel/authority.js';
import { EVENT_TYPES, type Membership } from '../../kernel/events.js';
import { acceptsPeer, type FederationPolicy } from '../../kernel/federation-policy.js';
import { serverOf, type Fqid, type RoomId, type ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Store } from '../../store/store.js';
import type { OwnEvents } from '../own-events.js';
import type { PlaceEvent } from '../place-event.js';

const INSIDE: readonly Membership[] = ['join', 'invite'];

/** Puts the people of foreign servers out of hosted rooms, in the home's own voice: one small entry each. */
export class DismissPeers {
  constructor(
    private readonly store: Pick<Store, 'read'>,
    private readonly ownEvents: Pick<OwnEvents, 'pen'>,
    private readonly placeEvent: Pick<PlaceEvent, 'run'>,
  ) {}

  async fromRoom(ctx: TenantContext, room: RoomId): Promise<void> {
    const people = await this.store.read(ctx, async ({ rooms }) => {
      const snapshot = await rooms.snapshot(ctx, room);
      return [...(snapshot?.members.values() ?? [])].filter(({ server, membership }) => server !== ctx.serverName && membership !== undefined && INSIDE.includes(membership));
    });
    for (const { fqid } of people) await this.#dismiss(ctx, room, fqid);
  }

  /** Of servers that the policy does not accept, or not any more. */
  async notAccepted(ctx: TenantContext, policy: FederationPolicy): Promise<void> {
    const known = await this.store.read(ctx, ({ peers }) => peers.list(ctx));
    const servers: readonly ServerName[] = known.map(({ server_name }) => server_name);
    for (const server of servers) {
      if (!acceptsPeer(policy, server)) await this.#everywhere(ctx, server);
    }
  }

  async #everywhere(ctx: TenantContext, server: ServerName): Promise<void> {
    const places = await this.store.read(ctx, ({ members }) => members.roomsOfServer(ctx, server, INSIDE));
    for (const { room_id: room, fqid, phase } of places) {
      if (phase === 'hosted') await this.#dismiss(ctx, room, fqid);
    }
  }

  async #dismiss(ctx: TenantContext, room: RoomId, target: Fqid): Promise<void> {
    const pen = await this.ownEvents.pen(ctx);
    const content = { target, membership: 'leave', reason: `${serverOf(target)} is no longer accepted here.`.slice(0, LIMITS.reasonCharsMax) };
    await this.placeEvent.run(ctx, room, (snapshot) => ({ proven: pen.write(snapshot, { sender: voiceOf(ctx.serverName), type: EVENT_TYPES.member, content }) }));
  }
}
