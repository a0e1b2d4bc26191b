import type { TaskQueue, WorkerTask } from '../kernel/ports.js';
import type { NatsLink } from './nats-link.js';
import { encodeTask } from './task-wire.js';

/** Hands tasks to workers over a work-queue stream of NATS JetStream: each to one of them, gone when it is acknowledged. */
export class NatsTasks implements TaskQueue {
  constructor(
    private readonly link: Pick<NatsLink, 'publishKept'>,
    private readonly prefix: string,
  ) {}

  async submit(task: WorkerTask): Promise<void> {
    await this.link.publishKept(encodeTask(task, this.prefix));
  }
}
