import type { JsonObject } from '../kernel/events.js';
import type { TenantId } from '../kernel/ids.js';
import type { ScaigridCall } from './scaigrid-call.js';
import type { ScaigridKey } from './scaigrid-key.js';

/** Work for whoever takes messages from the queue. */
export interface QueueJob {
  /** Dotted, such as `sidekick.task`. */
  readonly type: string;
  readonly tenantId: TenantId;
  /** The same key with the same body again is the same job. */
  readonly idempotencyKey: string;
  /** Ties together what belongs to one task. */
  readonly correlationId: string;
  /** Nobody takes it after so long. */
  readonly ttlSeconds: number;
  readonly payload: JsonObject;
}

/** The operator's queue in ScaiGrid (its module ScaiQueue), shared by all tenants: every message names its tenant. */
export class ScaigridQueue {
  constructor(
    private readonly call: Pick<ScaigridCall, 'send'>,
    private readonly key: ScaigridKey,
    /** `<scope id>/<queue id>` */
    private readonly queue: string,
  ) {}

  /** Resolves with ScaiGrid's id of the message when it is kept. May be repeated with the same idempotency key. */
  async submit(job: QueueJob): Promise<string> {
    const [scope = '', queue = ''] = this.queue.split('/');
    const { data } = await this.call.send<{ readonly data: { readonly id: string } }>({
      call: 'queue',
      method: 'POST',
      target: `/v1/modules/scaiqueue/scopes/${scope}/queues/${queue}/messages`,
      key: this.key,
      body: messageOf(job),
      answer: 'scaigrid/published',
    });
    return data.id;
  }
}

function messageOf(job: QueueJob): object {
  return {
    message_type: job.type,
    content_type: 'application/json',
    idempotency_key: job.idempotencyKey,
    correlation_id: job.correlationId,
    ttl_seconds: job.ttlSeconds,
    labels: { tenant_id: job.tenantId },
    body: { ...job.payload, tenant_id: job.tenantId },
  };
}
