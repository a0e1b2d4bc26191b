import type { Contract } from '../../contract/contract.js';
import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import { roomIdOf, type RoomId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { PeerClient } from '../../peering/signed-call.js';
import type { PeerDirectory } from '../../peering/peer-directory.js';
import { readBackfill, type ReadBackfill } from '../../protocol/queries.js';
import type { Store } from '../../store/store.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import type { BackfillView } from '../api/federation-admin.js';
import type { TakeRun } from './take-run.js';

export interface PullBackfillDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly tenants: Pick<TenantDirectory, 'byId'>;
  readonly directory: Pick<PeerDirectory, 'fetchNow'>;
  readonly client: Pick<PeerClient, 'call'>;
  readonly contract: Contract;
  readonly takeRun: Pick<TakeRun, 'run'>;
}

/** Asks a room's home for what our copy lacks: places that are withheld here, and what follows our head. */
export class PullBackfill {
  constructor(private readonly deps: PullBackfillDeps) {}

  async run(caller: Caller, roomId: RoomId, limit: number): Promise<BackfillView> {
    const { ctx } = caller;
    const { store, tenants, directory } = this.deps;
    const { room, from } = await store.read(ctx, async ({ rooms, log }) => ({ room: await rooms.find(ctx, roomId), from: await log.firstWithheld(ctx, roomId) }));
    if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
    if (room.phase !== 'mirrored') throw new GatewayError('SW_ROOM_TYPE_INVARIANT', 'only a mirror is filled from its home');
    // Before anything leaves: what comes back is stored in many transactions.
    await store.transact(ctx, ({ audit }) => audit.append(ctx, actBy(caller, 'room.backfill_asked', roomId, { home: room.home, limit })));
    await directory.fetchNow(ctx, room.home);
    const source = { ctx, policy: (await tenants.byId(ctx)).policy, origin: room.home };
    let next: number | null = from ?? room.head_seq + 1;
    let stored = 0;
    let withheld = 0;
    while (next !== null && stored < limit) {
      const answer: ReadBackfill = await this.#ask(ctx, room.log_name, room.home, next, limit - stored);
      if (answer.run === null) break;
      const result = await this.deps.takeRun.run(source, answer.run, answer.keys);
      if (result.status !== 'stored') break;
      stored += answer.run.entries.length;
      withheld += result.withheld.length;
      next = answer.nextSeq;
    }
    return { room_id: roomId, requested: limit, stored, withheld };
  }

  async #ask(ctx: TenantContext, log: Parameters<typeof roomIdOf>[0], home: Parameters<PeerClient['call']>[1], fromSeq: number, limit: number): Promise<ReadBackfill> {
    const target = `/_scaiwave/federation/v1/rooms/${roomIdOf(log)}/backfill?from_seq=${fromSeq}&limit=${limit}`;
    const answer = await this.deps.client.call(ctx, home, 'GET', target);
    if (answer.status !== 200) throw new GatewayError(answer.code ?? 'SW_FED_PEER_UNREACHABLE', `backfill answered ${answer.status}`);
    return readBackfill(this.deps.contract, answer.body);
  }
}
