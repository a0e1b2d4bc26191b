import {
  AckPolicy,
  connect,
  DeliverPolicy,
  Events,
  nanos,
  NatsError,
  RetentionPolicy,
  StorageType,
  type Consumer,
  type ConsumerConfig,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
  type StreamConfig,
} from 'nats';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Log, Timers } from '../kernel/ports.js';
import { natsServers } from './nats-servers.js';
import type { WireMessage } from './stream-wire.js';

export interface NatsLinkOptions {
  /** `SCAIWAVE_NATS_URL`. */
  readonly url: string;
  readonly stream: string;
  /** The subjects the stream keeps. */
  readonly keeps: string;
  /** Each message is for one reader, who acknowledges it; kept for a quarter of an hour, and a repeat known as long. */
  readonly isWorkQueue?: true;
}

/** Where a reader is: a number means something only within one life of the stream. */
interface Place {
  readonly streamCreated: string;
  readonly seq: number;
}

interface OpenReader {
  readonly consumer: Consumer;
  readonly streamCreated: string;
  /** Where it began; unknown when it began at a time. */
  readonly place: Place | undefined;
}

const NAME_IN_USE = 10_058;
const NO_STREAM = 10_059;
const MESSAGE_ID = 'Nats-Msg-Id';

/**
 * The one file that knows the NATS client. The connection is made, kept and made again by itself; whatever needs it while
 * it is away is refused at once with SW_UNAVAILABLE, and a stream that was deleted is made again by the next publication.
 */
export class NatsLink {
  private connection: NatsConnection | undefined;
  private isUp = false;
  private readonly closing = new AbortController();
  private readonly attached = new Set<(connection: NatsConnection) => void>();
  private connecting: Promise<void>;
  private ensuring: Promise<void> | undefined;

  constructor(
    private readonly options: NatsLinkOptions,
    private readonly timers: Pick<Timers, 'sleep'>,
    private readonly log: Pick<Log, 'warn' | 'info'>,
  ) {
    this.connecting = this.connectAtLast();
  }

  /** Waits for the connection, but no longer than one attempt may take. */
  async opened(): Promise<void> {
    const enough = new AbortController();
    await Promise.race([this.connecting, this.timers.sleep(LIMITS.streamAckMs, enough.signal)]);
    enough.abort();
  }

  /** Resolves when the stream has it. */
  async publishKept({ subject, data, messageId }: WireMessage): Promise<void> {
    const publish = async (): Promise<void> => {
      await this.up().jetstream({ checkAPI: false }).publish(subject, data, { msgID: messageId, timeout: LIMITS.streamAckMs, expect: { streamName: this.options.stream } });
    };
    try {
      await publish().catch(async (thrown: unknown) => {
        if (!isMissing(thrown)) throw thrown;
        await this.ensureStream();
        await publish();
      });
    } catch (thrown) {
      throw unavailable(thrown);
    }
  }

  /** Overwrites the kept messages of `subject` whose id says so. Tells how many there were. */
  async eraseKept(subject: string, isErased: (messageId: string) => boolean): Promise<number> {
    try {
      const manager = await this.manager();
      const numbers = await this.numbersOf(manager, subject, isErased);
      for (const number of numbers) await manager.streams.deleteMessage(this.options.stream, number, true);
      return numbers.length;
    } catch (thrown) {
      // A stream that is not there keeps nothing.
      if (thrown instanceof NatsError && thrown.api_error?.err_code === NO_STREAM) return 0;
      throw unavailable(thrown);
    }
  }

  /** To whoever listens right now; while the server is away, to nobody. */
  publishPassing(subject: string, data: string): void {
    if (this.isUp && this.connection?.isClosed() === false) this.connection.publish(subject, data);
  }

  /** Lives as long as the link does: over reconnects, and from before the first connection. */
  listen(subject: string, listener: (data: string) => void): () => void {
    let end: () => void = () => undefined;
    const attach = (connection: NatsConnection): void => {
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) listener(message.string());
        },
      });
      end = () => subscription.unsubscribe();
    };
    this.attached.add(attach);
    if (this.connection !== undefined) attach(this.connection);
    return () => {
      this.attached.delete(attach);
      end();
    };
  }

  /** Kept messages in order, at least once, however often the connection, the reader or the stream is lost meanwhile. */
  async *read(subject: string, sinceMs: number | undefined, signal: AbortSignal): AsyncGenerator<WireMessage> {
    const ended = AbortSignal.any([signal, this.closing.signal]);
    let place: Place | undefined;
    let reader: OpenReader | undefined;
    while (!ended.aborted) {
      try {
        reader ??= await this.openReader(subject, place, sinceMs);
        place ??= reader.place;
        let came = 0;
        for await (const message of fetched(reader.consumer, ended)) {
          came += 1;
          place = { streamCreated: reader.streamCreated, seq: message.seq };
          yield { subject: message.subject, data: message.string(), messageId: message.headers?.get(MESSAGE_ID) ?? '' };
        }
        // Silence may also mean that the reader is gone from the server; asking for it tells.
        if (came === 0 && !ended.aborted) await reader.consumer.info();
      } catch {
        reader = undefined;
        await this.timers.sleep(LIMITS.streamRetryMs, ended);
      }
    }
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.connecting;
    await this.connection?.close();
  }

  private up(): NatsConnection {
    if (this.connection === undefined || !this.isUp) throw new GatewayError('SW_UNAVAILABLE', 'NATS is away');
    return this.connection;
  }

  private async connectAtLast(): Promise<void> {
    const { servers, user, password, tls } = natsServers(this.options.url);
    let told = false;
    while (!this.closing.signal.aborted) {
      try {
        this.connection = await connect({
          servers,
          ...(user === undefined ? {} : { user }),
          ...(password === undefined ? {} : { pass: password }),
          ...(tls ? { tls: {} } : {}),
          name: 'scaiwave',
          maxReconnectAttempts: -1,
          // Credentials that are refused twice may be put right on the server later.
          ignoreAuthErrorAbort: true,
          reconnectTimeWait: LIMITS.streamRetryMs,
          timeout: LIMITS.streamAckMs,
        });
        this.isUp = true;
        this.watch(this.connection).catch((error: unknown) => this.log.warn({ error }, 'NATS is no longer watched'));
        this.replace(this.connection).catch((error: unknown) => this.log.warn({ error }, 'NATS is not connected anew'));
        for (const attach of this.attached) attach(this.connection);
        if (told) this.log.info({}, 'NATS is there');
        return;
      } catch (error) {
        if (!told) this.log.warn({ error }, 'NATS is away; asking on');
        told = true;
        await this.timers.sleep(LIMITS.streamRetryMs, this.closing.signal);
      }
    }
  }

  private async watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === Events.Disconnect) this.log.warn({}, 'NATS went away');
      if (type === Events.Reconnect) this.log.info({}, 'NATS is back');
      if (type === Events.Disconnect) this.isUp = false;
      if (type === Events.Reconnect) this.isUp = true;
    }
  }

  /** The client itself may give a connection up for good. */
  private async replace(connection: NatsConnection): Promise<void> {
    const error = await connection.closed();
    this.isUp = false;
    if (this.closing.signal.aborted) return;
    this.log.warn({ error }, 'NATS was given up; connecting anew');
    this.connecting = this.connectAtLast();
  }

  private manager(): Promise<JetStreamManager> {
    return this.up().jetstreamManager({ checkAPI: false, timeout: LIMITS.streamAckMs });
  }

  /** Looks at the ids alone; the contents stay on the server. */
  private async numbersOf(manager: JetStreamManager, subject: string, matches: (messageId: string) => boolean): Promise<readonly number[]> {
    const { name, num_pending: pending } = await manager.consumers.add(this.options.stream, {
      deliver_policy: DeliverPolicy.All,
      ack_policy: AckPolicy.None,
      filter_subject: subject,
      headers_only: true,
      inactive_threshold: nanos(LIMITS.streamReaderIdleMs),
      mem_storage: true,
    });
    const consumer = await this.up().jetstream({ checkAPI: false }).consumers.get(this.options.stream, name);
    const numbers: number[] = [];
    for (let looked = 0, came = 1; looked < pending && came > 0; looked += came) {
      came = 0;
      for await (const message of fetched(consumer, this.closing.signal, Math.min(pending - looked, LIMITS.streamPublishInFlightMax))) {
        came += 1;
        if (matches(message.headers?.get(MESSAGE_ID) ?? '')) numbers.push(message.seq);
      }
    }
    await consumer.delete();
    return numbers;
  }

  /** Publications that miss the stream together ask for it once. */
  private async ensureStream(): Promise<void> {
    this.ensuring ??= this.makeStream().finally(() => {
      this.ensuring = undefined;
    });
    await this.ensuring;
  }

  /** The stream as it must be: made if it is missing, changed if another version made it otherwise. */
  private async makeStream(): Promise<void> {
    const manager = await this.manager();
    const config: Partial<StreamConfig> & { name: string } = {
      name: this.options.stream,
      subjects: [this.options.keeps],
      storage: StorageType.File,
      retention: this.options.isWorkQueue ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
      max_age: nanos(this.options.isWorkQueue ? LIMITS.sidekickTaskKeptMs : LIMITS.streamRetentionMs),
      max_msgs: LIMITS.streamMessagesMax,
      duplicate_window: nanos(this.options.isWorkQueue ? LIMITS.sidekickTaskKeptMs : LIMITS.streamRepeatMs),
    };
    try {
      await manager.streams.add(config);
    } catch (thrown) {
      if (!(thrown instanceof NatsError) || thrown.api_error?.err_code !== NAME_IN_USE) throw thrown;
      await manager.streams.update(this.options.stream, config);
    }
  }

  private async openReader(subject: string, place: Place | undefined, sinceMs: number | undefined): Promise<OpenReader> {
    await this.ensureStream();
    const manager = await this.manager();
    const { created, state } = await manager.streams.info(this.options.stream);
    const now: Place | undefined = place === undefined && sinceMs === undefined ? { streamCreated: created, seq: state.last_seq } : place;
    const { name } = await manager.consumers.add(this.options.stream, {
      ...startOf(now, created, sinceMs),
      ack_policy: AckPolicy.None,
      filter_subject: subject,
      inactive_threshold: nanos(LIMITS.streamReaderIdleMs),
      mem_storage: true,
    });
    const consumer = await this.up().jetstream({ checkAPI: false }).consumers.get(this.options.stream, name);
    return { consumer, streamCreated: created, place: now };
  }
}

/** A stream that was made anew holds nothing that was read before, so it is read from its beginning. */
function startOf(place: Place | undefined, created: string, sinceMs: number | undefined): Partial<ConsumerConfig> {
  if (place?.streamCreated === created) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: place.seq + 1 };
  if (place !== undefined || sinceMs === undefined) return { deliver_policy: DeliverPolicy.All };
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(sinceMs).toISOString() };
}

/** One bounded run of messages; ends when it is full, when nothing came for a while, or with the signal. */
async function* fetched(consumer: Consumer, signal: AbortSignal, messagesMax: number = LIMITS.streamPublishInFlightMax): AsyncGenerator<JsMsg> {
  const run = await consumer.fetch({ max_messages: messagesMax, expires: LIMITS.streamFetchMs });
  const stop = (): void => run.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    yield* run;
  } finally {
    signal.removeEventListener('abort', stop);
    run.stop();
  }
}

/** Nobody took the message: there is no such stream (yet, or any more). */
function isMissing(thrown: unknown): boolean {
  return thrown instanceof NatsError && thrown.code === '503';
}

function unavailable(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause;
  return new GatewayError('SW_UNAVAILABLE', 'the stream did not take a message', { cause });
}
