import type { Caller } from '../../kernel/caller.js';
import type { ParticipantId, RoomId } from '../../kernel/ids.js';

/** What a person may set. `offline` is what others see when nothing was set lately. */
export const PRESENCES = ['online', 'idle', 'busy', 'appear_offline'] as const;
export type Presence = (typeof PRESENCES)[number];

export interface PresenceView {
  readonly participant_id: string;
  readonly presence: Presence | 'offline';
}

export interface PresenceApi {
  get(caller: Caller, ids: readonly ParticipantId[]): Promise<readonly PresenceView[]>;
  set(caller: Caller, presence: Presence): Promise<PresenceView>;
  typing(caller: Caller, room: RoomId, typing: boolean): Promise<void>;
}
