import type { Caller } from '../../kernel/caller.js';
import type { EventView } from './messages.js';

export interface SyncRequest {
  readonly since: number;
  readonly limit: number;
  /** How long to wait for something new. */
  readonly timeoutMs: number;
  /** Aborted when the client has gone or the node stops: answer with what there is. */
  readonly signal: AbortSignal;
}

export interface SyncView {
  readonly events: readonly EventView[];
  readonly next_cursor: string;
  readonly has_more: boolean;
}

/**
 * One frame of the stream: `type`, and what that type carries (specs/protocol/http.md). `tenant_id` and `ts` are
 * put on by the stream itself.
 */
export interface StreamEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface SyncApi {
  sync(caller: Caller, request: SyncRequest): Promise<SyncView>;
}

export interface StreamApi {
  /**
   * What this person may see, as it happens, from now on; ends when `signal` aborts. Rooms lost by kick, ban or leave
   * fall silent at once. Throws SW_TENANT_SUSPENDED and the like when the person may see nothing any more.
   */
  follow(caller: Caller, signal: AbortSignal): AsyncIterable<StreamEvent>;
}
