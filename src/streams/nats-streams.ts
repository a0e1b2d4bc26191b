import { LIMITS } from '../kernel/limits.js';
import type { RoomId } from '../kernel/ids.js';
import type { EphemeralMessage, Meter, RoomStreams, StreamFilter, StreamMessage, TenantScope } from '../kernel/ports.js';
import type { NatsLink } from './nats-link.js';
import { decode, decodeEphemeral, encode, encodeEphemeral, ephemeralSubject, messagesOf, subjectFilter } from './stream-wire.js';

/** Room streams on NATS JetStream. All tenants share one stream; this class is the only way to read it. */
export class NatsStreams implements RoomStreams {
  /** `prefix` is what `subjectPrefix` makes. */
  constructor(
    private readonly link: Pick<NatsLink, 'publishKept' | 'publishPassing' | 'listen' | 'read' | 'eraseKept'>,
    private readonly prefix: string,
    private readonly meter: Pick<Meter, 'count'>,
  ) {}

  async publish(messages: readonly StreamMessage[]): Promise<void> {
    for (let at = 0; at < messages.length; at += LIMITS.streamPublishInFlightMax) {
      const run = messages.slice(at, at + LIMITS.streamPublishInFlightMax);
      const outcomes = await Promise.allSettled(run.map((message) => this.link.publishKept(encode(message, this.prefix))));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) {
        this.meter.count('stream_publish_failures_total');
        throw failed.reason;
      }
      this.meter.count('stream_published_total', {}, run.length);
    }
  }

  async erase(ctx: TenantScope, roomId: RoomId, eventIds: readonly string[]): Promise<void> {
    const erased = await this.link.eraseKept(subjectFilter({ roomId }, this.prefix), messagesOf(ctx, eventIds));
    this.meter.count('stream_erased_total', {}, erased);
  }

  async *subscribe(ctx: TenantScope, filter: StreamFilter, signal: AbortSignal): AsyncGenerator<StreamMessage> {
    for await (const wire of this.link.read(subjectFilter(filter, this.prefix), filter.sinceMs, signal)) {
      const message = decode(ctx, wire, this.prefix);
      if (typeof message !== 'string') yield message;
      else if (message !== 'foreign') this.meter.count('stream_refused_total', { reason: message });
    }
  }

  publishEphemeral(message: EphemeralMessage): void {
    this.link.publishPassing(ephemeralSubject(message.tenantId, this.prefix), encodeEphemeral(message));
  }

  subscribeEphemeral(ctx: TenantScope, listener: (message: EphemeralMessage) => void): () => void {
    return this.link.listen(ephemeralSubject(ctx.tenantId, this.prefix), (data) => {
      const message = decodeEphemeral(ctx, data);
      if (message !== undefined) listener(message);
    });
  }
}
