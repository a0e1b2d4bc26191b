import type { WorkerTask } from '../kernel/ports.js';
import type { WireMessage } from './stream-wire.js';

const TASK_SUBJECT = 'swp.sidekick.';

/** A task as workers get it from a stream (specs/protocol/streams.md). Set last, the tenant is the one who asked. */
export function encodeTask(task: WorkerTask, prefix: string): WireMessage {
  return {
    subject: `${prefix}${TASK_SUBJECT}${task.tenantId}.task`,
    data: JSON.stringify({ ...task.payload, type: task.type, tenant_id: task.tenantId }),
    messageId: `${task.tenantId}:${task.idempotencyKey}`,
  };
}

/** The subjects of all tasks. */
export function allTasksSubject(prefix: string): string {
  return `${prefix}${TASK_SUBJECT}>`;
}

/** Beside the stream of room events; workers take tasks out of it. */
export function taskStreamOf(stream: string): string {
  return `${stream}_SIDEKICKS`;
}
