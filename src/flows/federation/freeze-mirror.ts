import { GatewayError } from '../../kernel/errors.js';
import type { Clock, Log, Meter } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { RoomSnapshots } from '../../admit/room-snapshots.js';
import type { OwnKeys } from '../../peering/own-keys.js';
import { hashText } from '../../protocol/chain.js';
import type { SigningKey } from '../../protocol/keys.js';
import { signReceipt } from '../../protocol/receipt.js';
import { FORKED } from '../../store/repositories/lanes.repository.js';
import type { RoomRow } from '../../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { Fork } from './stored-run.js';

export interface FreezeMirrorDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly ownKeys: Pick<OwnKeys, 'current'>;
  readonly snapshots: Pick<RoomSnapshots, 'forget'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Pick<Log, 'warn'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** Two logs under one name. Ours stays as it is, to be read and compared; nothing more is taken. */
export class FreezeMirror {
  constructor(private readonly deps: FreezeMirrorDeps) {}

  /** `theirs`: what the home signed. Answers with what it is to be told. */
  async run(ctx: TenantContext, { room_id: roomId, log_name: name, home }: RoomRow, theirs: string, fork: Fork): Promise<GatewayError> {
    const key = await this.deps.ownKeys.current(ctx);
    await this.deps.store.transact(ctx, async (repositories) => {
      const room = await repositories.rooms.lock(ctx, roomId);
      if (room === undefined || room.frozen !== null) return;
      const ours = await this.#receiptAtHead(ctx, repositories, room, key);
      await repositories.rooms.change(ctx, roomId, { frozen: FORKED, frozen_proof: theirs, frozen_own_proof: ours });
    });
    this.deps.snapshots.forget(ctx, roomId);
    this.deps.meter.count('fed_alarms_total', { kind: 'fork' });
    this.deps.log.warn({ tenantId: ctx.tenantId, roomId, peer: home, forkSeq: fork.seq }, 'the log of a room contradicts itself or the one held here');
    return new GatewayError(FORKED, name);
  }

  /** Null while our copy has no entry yet: then both words are the home's. */
  async #receiptAtHead(ctx: TenantContext, { log }: Pick<Repositories, 'log'>, room: RoomRow, key: SigningKey): Promise<string | null> {
    const last = await log.at(ctx, room.room_id, room.head_seq);
    if (last === undefined) return null;
    const { seq, chain_hash: hash, state } = last;
    return signReceipt(key, { room: room.log_name, from: seq, seq, hash: hashText(hash), withheld: state === 'withheld' ? [seq] : [], iat: this.deps.clock.nowMs() });
  }
}
