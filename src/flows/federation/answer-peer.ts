import type { Contract } from '../../contract/contract.js';
import { GatewayError, isErrorCode } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/events.js';
import { parseLocalId, parseRoomId, parseServerName, type RoomId, type ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import type { OwnDescriptor } from '../../peering/own-descriptor.js';
import type { OwnKeys } from '../../peering/own-keys.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import { fqidOfRow } from '../../store/repositories/participants.repository.js';
import type { Store } from '../../store/store.js';
import type { ProvenRequest, VerifyPeerRequest } from '../../verify/peer-request.js';
import type { BackfillRequest, FederationServerApi, PeerCall, PeerRequest } from '../api/federation-server.js';
import { readBackfillRun } from './backfill-run.js';
import type { ReceiveSend } from './receive-send.js';

export interface AnswerPeerDeps {
  readonly verify: Pick<VerifyPeerRequest, 'screen' | 'verify'>;
  readonly receiveSend: Pick<ReceiveSend, 'run'>;
  readonly tenants: Pick<TenantDirectory, 'byServerName'>;
  readonly ownDescriptor: Pick<OwnDescriptor, 'of'>;
  readonly ownKeys: Pick<OwnKeys, 'current'>;
  readonly store: Pick<Store, 'read'>;
  readonly contract: Contract;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** What servers ask of us. Nothing of a call means anything before its signature holds. */
export class AnswerPeer implements FederationServerApi {
  constructor(private readonly deps: AnswerPeerDeps) {}

  async descriptor(host: string): Promise<JsonObject> {
    const server = serverOfHost(host);
    const tenant = server === undefined ? undefined : await this.deps.tenants.byServerName(server);
    if (tenant === undefined) throw new GatewayError('SW_FED_DESTINATION_UNKNOWN', host);
    return asJson(await this.deps.ownDescriptor.of(tenant.ctx));
  }

  async screen(call: PeerCall): Promise<void> {
    await this.deps.verify.screen(call);
  }

  async send(request: PeerRequest): Promise<JsonObject> {
    const answer = await this.deps.receiveSend.run(await this.deps.verify.verify(request));
    if ('status' in answer && answer.status === 'refused') {
      const code = isErrorCode(answer.code) ? answer.code : 'SW_INTERNAL';
      throw new GatewayError(code, 'a single event is refused', answer.retryable ? { retryAfterSeconds: 1 } : {});
    }
    return asJson(answer);
  }

  /** Only for servers that share a room with the person; all others learn nothing, not even that there is nobody. */
  async profile(request: PeerRequest, localId: string): Promise<JsonObject> {
    const { ctx, origin } = await this.deps.verify.verify(request);
    const wanted = parseLocalId(localId);
    const row = await this.deps.store.read(ctx, async ({ participants, members }) => {
      const found = await participants.findByName(ctx, wanted, ctx.serverName);
      return found !== undefined && (await members.shareRoom(ctx, found.participant_id, origin)) ? found : undefined;
    });
    if (row === undefined) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', localId);
    return { fqid: fqidOfRow(row), display_name: row.display_name, avatar_url: row.avatar_url };
  }

  async members(request: PeerRequest, room: string): Promise<JsonObject> {
    const proven = await this.deps.verify.verify(request);
    const { ctx } = proven;
    const roomId = parseRoomId(room);
    const found = await this.deps.store.read(ctx, async (repositories) => {
      const row = await repositories.rooms.find(ctx, roomId);
      const inside = (await repositories.intervals.list(ctx, roomId, proven.origin)).some(({ to_seq }) => to_seq === null);
      if (row === undefined || row.phase !== 'hosted' || !inside) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
      return { room: row.log_name, members: await repositories.members.list(ctx, roomId, { limit: LIMITS.membersAnswerMax, offset: 0 }) };
    });
    return {
      room: found.room,
      members: found.members.map((member) => ({
        fqid: member.fqid,
        display_name: member.display_name,
        avatar_url: member.avatar_url,
        membership: member.membership,
        power_level: member.power,
      })),
    };
  }

  /** Refused by policy is an empty answer, as documented; outside the caller's intervals there is nothing either. */
  async backfill(request: PeerRequest, room: string, range: BackfillRequest): Promise<JsonObject> {
    const proven = await this.deps.verify.verify(request);
    const { ctx, policy } = proven;
    const roomId = parseRoomId(room);
    const limit = Math.min(range.limit, policy.max_backfill_events_per_request, LIMITS.backfillMax);
    const found = await this.#readable(proven, roomId);
    if (found === undefined || limit === 0) return { room: found ?? `!${roomId}:${ctx.serverName}`, run: null, next_seq: null, keys: [] };
    const signing = { key: await this.deps.ownKeys.current(ctx), nowMs: this.deps.clock.nowMs() };
    const answer = await this.deps.store.read(ctx, (repositories) =>
      readBackfillRun(ctx, repositories, { roomId, origin: proven.origin, fromSeq: range.fromSeq, limit, signing }),
    );
    return asJson({ room: found, ...answer });
  }

  async #readable({ ctx, origin }: ProvenRequest, roomId: RoomId): Promise<string | undefined> {
    return this.deps.store.read(ctx, async ({ rooms, intervals }) => {
      const row = await rooms.find(ctx, roomId);
      if (row === undefined || row.phase !== 'hosted' || !row.federated) return undefined;
      return (await intervals.list(ctx, roomId, origin)).length === 0 ? undefined : row.log_name;
    });
  }
}

/** Wire values are JSON by their schemas; interfaces lack the index signature that says so. */
function asJson(value: object): JsonObject {
  return { ...value };
}

/** The name that was asked for, without a port. */
function serverOfHost(host: string): ServerName | undefined {
  try {
    return parseServerName(host.toLowerCase().replace(/:\d{1,5}$/, ''));
  } catch {
    return undefined;
  }
}
