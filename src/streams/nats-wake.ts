import { parseTenantId } from '../kernel/ids.js';
import type { Hint, Wake } from '../kernel/ports.js';
import type { NatsLink } from './nats-link.js';

/** Hints to this process and to the others of the node. What comes back of our own is dropped. */
export class NatsWake implements Wake {
  private readonly subject: string;
  private readonly end: () => void;

  /** `processId` is any value that no other process of the node has. */
  constructor(
    private readonly local: Wake,
    private readonly link: Pick<NatsLink, 'publishPassing' | 'listen'>,
    prefix: string,
    private readonly processId: string,
  ) {
    this.subject = `${prefix}swp.wake`;
    this.end = link.listen(this.subject, (data) => {
      const hint = foreignHint(data, processId);
      if (hint !== undefined) local.hint(hint);
    });
  }

  hint(hint: Hint): void {
    this.local.hint(hint);
    this.link.publishPassing(this.subject, JSON.stringify({ from: this.processId, kind: hint.kind, tenant_id: hint.tenantId }));
  }

  listen(listener: (hint: Hint) => void): () => void {
    return this.local.listen(listener);
  }

  close(): void {
    this.end();
  }
}

function foreignHint(data: string, processId: string): Hint | undefined {
  try {
    const { from, kind, tenant_id: tenant } = JSON.parse(data) as Record<string, unknown>;
    if (from === processId || (kind !== 'log' && kind !== 'due')) return undefined;
    return { kind, tenantId: parseTenantId(tenant) };
  } catch {
    return undefined;
  }
}
