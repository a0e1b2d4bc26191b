import { AckPolicy, connect, type Consumer, type NatsConnection } from 'nats';
import type { Handed } from './sidekick-work.js';

/** A worker as somebody else would write one: a durable consumer on the queue of tasks, shared by all workers. */
export class NatsWorker {
  private constructor(
    private readonly connection: NatsConnection,
    private readonly consumer: Consumer,
  ) {}

  static async open(url: string, stream: string): Promise<NatsWorker> {
    const connection = await connect({ servers: new URL(url).host });
    const manager = await connection.jetstreamManager();
    await manager.consumers.add(stream, { durable_name: 'workers', ack_policy: AckPolicy.Explicit });
    return new NatsWorker(connection, await connection.jetstream().consumers.get(stream, 'workers'));
  }

  /** The next task, acknowledged; undefined if none comes in that time. */
  async next(withinMs = 20_000): Promise<{ readonly subject: string; readonly task: Handed } | undefined> {
    const message = await this.consumer.next({ expires: withinMs });
    message?.ack();
    return message === null ? undefined : { subject: message.subject, task: message.json<Handed>() };
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
