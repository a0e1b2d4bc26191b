import { LIMITS } from '../kernel/limits.js';
import type { Clock, TaskQueue, WorkerTask } from '../kernel/ports.js';
import { encodeTask } from './task-wire.js';
import type { WireMessage } from './stream-wire.js';

interface Kept extends WireMessage {
  readonly keptAtMs: number;
  taken: boolean;
}

/** The work queue inside one process: whoever runs in it may take what was handed over. */
export class LocalTasks implements TaskQueue {
  #kept: Kept[] = [];

  constructor(private readonly clock: Pick<Clock, 'nowMs'>) {}

  async submit(task: WorkerTask): Promise<void> {
    const message = encodeTask(task, '');
    const nowMs = this.clock.nowMs();
    this.#kept = this.#kept.filter(({ keptAtMs }) => nowMs - keptAtMs < LIMITS.sidekickTaskKeptMs).slice(-LIMITS.sidekickLocalTasksMax);
    if (!this.#kept.some(({ messageId }) => messageId === message.messageId)) this.#kept.push({ ...message, keptAtMs: nowMs, taken: false });
  }

  /** The oldest that nobody has taken. */
  take(): WireMessage | undefined {
    const next = this.#kept.find(({ taken }) => !taken);
    if (next !== undefined) next.taken = true;
    return next;
  }
}
