import type { Readable } from 'node:stream';
import type { JsonObject } from './events.js';
import type { MediaId, RoomId, ServerName, TenantId } from './ids.js';
import type { TenantContext } from './tenant-context.js';

/** Wall time and elapsed time. Nothing else in the node reads a clock. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number;
  /** Milliseconds that only rise, for measuring. */
  monotonicMs(): number;
}

export interface Timer {
  cancel(): void;
}

/** Waiting. Timers never keep a stopping process alive. */
export interface Timers {
  after(delayMs: number, run: () => void): Timer;
  every(periodMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts; never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Randomness {
  /** UUID version 4. */
  uuid(): string;
  bytes(length: number): Buffer;
  /** 0 <= n < 1, for jitter only. */
  fraction(): number;
}

/** Structured log. Fields hold ids, codes, sizes and times; never bodies, tokens, keys or secrets. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Counters, gauges and histograms by name (specs/metrics.md). Labels are bounded sets, never ids of people or rooms. */
export interface Meter {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
}

/** What just happened, for sleepers. Hints may be lost; polling is the guarantee. */
export type Hint =
  | { readonly kind: 'log'; readonly tenantId: TenantId }
  | { readonly kind: 'due'; readonly tenantId: TenantId };

export interface Wake {
  /** Called after a commit, never before. */
  hint(hint: Hint): void;
  /** Returns the function that ends the subscription. */
  listen(listener: (hint: Hint) => void): () => void;
}

/** A request as it goes over the wire, signed. */
export interface SignedRequest {
  readonly destination: ServerName;
  readonly method: 'GET' | 'POST';
  /** Raw request target: path and query. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface RawReply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Carries a signed request to another server: over HTTP, or by hand to a tenant of this node. Never in a transaction. */
export type PeerExchange = (request: SignedRequest) => Promise<RawReply>;

/** An event as room streams carry it (specs/protocol/streams.md). */
export interface StreamMessage {
  readonly tenantId: TenantId;
  readonly roomId: RoomId;
  /** Event type without its `swp.room.` prefix: `message`, `member`, … */
  readonly kind: string;
  /** Dropped as a repeat inside the stream's duplicate window. */
  readonly messageId: string;
  readonly payload: object;
}

/** All that a cache or a stream needs to know of a tenant. */
export type TenantScope = Pick<TenantContext, 'tenantId'>;

/** What may be subscribed to. */
export interface StreamFilter {
  /** Absent: every room of the tenant. */
  readonly roomId?: RoomId;
  /** Milliseconds since 1970; what is older is left out. Absent: from now on. */
  readonly sinceMs?: number;
}

/** What passes by: how a frame of the WebSocket is called. */
export const EPHEMERAL_KINDS = ['typing', 'presence', 'swp.plan.updated', 'swp.sidekick.spawned', 'swp.sidekick.result', 'swp.sidekick.cancel'] as const;
export type EphemeralKind = (typeof EPHEMERAL_KINDS)[number];

/** Passing news of a room or a person; nothing keeps it. */
export interface EphemeralMessage {
  readonly tenantId: TenantId;
  /** Absent for what concerns the whole tenant, such as presence. */
  readonly roomId?: RoomId;
  readonly kind: EphemeralKind;
  readonly payload: object;
}

/** Room events on their way to readers outside the log. May be lost whole: the log is the truth. */
export interface RoomStreams {
  /** Resolves when all are kept; rejects with SW_UNAVAILABLE otherwise, and may then be repeated whole. */
  publish(messages: readonly StreamMessage[]): Promise<void>;
  /**
   * Takes every message of these events out again, whatever stream position it was published for: their ids begin with
   * the event's and a colon. Resolves when none is left; rejects with SW_UNAVAILABLE, and may then be repeated.
   */
  erase(ctx: TenantScope, roomId: RoomId, eventIds: readonly string[]): Promise<void>;
  /** At least once, in order of a room. Ends with the signal, or when the reader stops. */
  subscribe(ctx: TenantScope, filter: StreamFilter, signal: AbortSignal): AsyncIterable<StreamMessage>;
  publishEphemeral(message: EphemeralMessage): void;
  /** Returns the function that ends the subscription. */
  subscribeEphemeral(ctx: TenantScope, listener: (message: EphemeralMessage) => void): () => void;
}

/** Work for somebody outside the node. */
export interface WorkerTask {
  /** Dotted, such as `sidekick.task`. */
  readonly type: string;
  readonly tenantId: TenantId;
  /** The same key again is the same task. */
  readonly idempotencyKey: string;
  /** Ties together what belongs to one task. */
  readonly correlationId: string;
  /** Nobody takes it after so long. */
  readonly ttlSeconds: number;
  readonly payload: JsonObject;
}

/** Where workers take tasks from. */
export interface TaskQueue {
  /** Resolves when the task is kept; rejects with a retryable refusal otherwise, and may then be repeated. */
  submit(task: WorkerTask): Promise<unknown>;
}

export type CacheNamespace = 'nonce' | 'rate' | 'presence' | 'sidekick_token';

/** Forgetful, shared by the processes of a node. When it is away calls answer at once, as each says, and never throw. */
export interface Cache {
  /** Away: nothing found. */
  get(ctx: TenantScope, namespace: CacheNamespace, key: string): Promise<string | undefined>;
  /** Only those found. Away: none. */
  getMany(ctx: TenantScope, namespace: CacheNamespace, keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Away: not kept. */
  set(ctx: TenantScope, namespace: CacheNamespace, key: string, value: string, ttlMs: number): Promise<void>;
  /** Away: not deleted; it expires. */
  delete(ctx: TenantScope, namespace: CacheNamespace, key: string): Promise<void>;
  /** `unknown`: away or full; the caller decides what that means for it. */
  setIfAbsent(ctx: TenantScope, namespace: CacheNamespace, key: string, ttlMs: number): Promise<'set' | 'present' | 'unknown'>;
  /** Takes one token of a bucket. Away: each process keeps buckets of its own. */
  takeToken(ctx: TenantScope, namespace: CacheNamespace, key: string, rate: TokenRate): Promise<TokenAnswer>;
}

export interface TokenRate {
  readonly ratePerSecond: number;
  readonly burst: number;
}

export interface TokenAnswer {
  readonly allowed: boolean;
  /** 0 when allowed. */
  readonly retryAfterMs: number;
}

/** Bytes of a file, both ends included, counted from 0. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where the bytes of uploads are. What is written is never changed, only removed. */
export interface Blobs {
  /**
   * Writes a whole file, at the pace of its bytes. Resolves when it would survive a power cut; leaves nothing behind when
   * it rejects: with SW_STORAGE_FULL when there is no room, or with whatever `bytes` threw.
   */
  put(ctx: TenantScope, id: MediaId, bytes: AsyncIterable<Buffer>): Promise<void>;
  /** Throws SW_MEDIA_NOT_FOUND. */
  read(ctx: TenantScope, id: MediaId, range: ByteRange): Promise<Readable>;
  /** What is not there is removed already. */
  remove(ctx: TenantScope, id: MediaId): Promise<void>;
  /** Files last written before `beforeMs` (since 1970), some at a time. */
  list(ctx: TenantScope, beforeMs: number): AsyncIterable<readonly MediaId[]>;
}
