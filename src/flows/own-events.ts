import { hash } from 'node:crypto';
import type { JsonObject, Relation, SeenHead } from '../kernel/events.js';
import { parseWireEventId, type Fqid, type LogName, type WireEventId } from '../kernel/ids.js';
import type { Clock, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { OwnKeys } from '../peering/own-keys.js';
import type { SigningKey } from '../protocol/keys.js';
import type { RoomSnapshot } from '../store/repositories/rooms.repository.js';
import { ownEvent, type ProvenEvent } from '../verify/proven-event.js';

/** What a person of ours, or a room's voice, wants to say. */
export interface Draft {
  readonly sender: Fqid;
  readonly type: string;
  /** In wire terms. */
  readonly content: JsonObject;
  /** Absent: a new one. */
  readonly wireId?: WireEventId;
  readonly relatesTo?: Relation;
  readonly via?: readonly string[];
}

/** Writes events under the tenant's current key. */
export class OwnEvents {
  constructor(
    private readonly ownKeys: Pick<OwnKeys, 'current'>,
    private readonly clock: Pick<Clock, 'nowMs'>,
    private readonly randomness: Pick<Randomness, 'uuid'>,
  ) {}

  /** Fetches the key beforehand, so that the pen can be used inside a transaction. */
  async pen(ctx: TenantContext): Promise<Pen> {
    return new Pen(await this.ownKeys.current(ctx), this.clock, this.randomness);
  }
}

export class Pen {
  constructor(
    private readonly key: SigningKey,
    private readonly clock: Pick<Clock, 'nowMs'>,
    private readonly randomness: Pick<Randomness, 'uuid'>,
  ) {}

  /** An event of this room, written after the head that we hold. */
  write({ room }: Pick<RoomSnapshot, 'room'>, draft: Draft): ProvenEvent {
    return this.writeIn(room.log_name, { seq: room.head_seq, hash: room.head_hash.toString('hex') }, draft);
  }

  /** An event of a room that is not held here, written after a head that came with an invitation. */
  writeIn(room: LogName, seen: SeenHead, draft: Draft): ProvenEvent {
    return ownEvent(this.key, {
      id: draft.wireId ?? parseWireEventId(this.randomness.uuid()),
      room,
      origin: this.key.server,
      sender: draft.sender,
      type: draft.type,
      content: draft.content,
      origin_ts: this.clock.nowMs(),
      seen,
      ...(draft.relatesTo === undefined ? {} : { relates_to: draft.relatesTo }),
      ...(draft.via === undefined || draft.via.length === 0 ? {} : { via: draft.via }),
    });
  }
}

/** The hash of what was asked for, which is the same on every repeat although each repeat would be signed anew. */
export function requestHash(...asked: readonly (string | JsonObject | null)[]): Buffer {
  return hash('sha256', JSON.stringify(asked), 'buffer');
}
