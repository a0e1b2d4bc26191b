import type { KeyObject } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import type { KeyId } from '../kernel/ids.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { CarriedDescriptors, CarriedKeys } from '../peering/carried-keys.js';
import type { OwnKeys } from '../peering/own-keys.js';
import type { PeerDirectory } from '../peering/peer-directory.js';
import type { EventKey } from './proven-event.js';

export interface EventKeysParts {
  readonly own: Pick<OwnKeys, 'keyAt'>;
  readonly directory: Pick<PeerDirectory, 'keyFor'>;
  readonly carried: Pick<CarriedKeys, 'keyFor'>;
}

/** Which key must have signed an event, by how the event came to us. */
export class EventKeys {
  constructor(private readonly parts: EventKeysParts) {}

  /** Brought by its author's own server, not yet placed: the key must hold now, as for the request. */
  submitted(nowMs: number): EventKey {
    return (ctx, server, keyId) => this.parts.directory.keyFor(ctx, server, keyId, { kind: 'request', nowMs });
  }

  /** With a place in the log of `home`, given at `atMs`: the key must have held then, and not yet been revoked. */
  placed(home: string, atMs: number, carried: CarriedDescriptors): EventKey {
    return (ctx, server, keyId) => {
      if (server === ctx.serverName) return this.ownKey(ctx, keyId, atMs);
      if (server === home) return this.parts.directory.keyFor(ctx, server, keyId, { kind: 'stored', atMs });
      return this.parts.carried.keyFor(ctx, server, keyId, atMs, carried);
    };
  }

  private async ownKey(ctx: TenantContext, keyId: KeyId, atMs: number): Promise<KeyObject> {
    const key = await this.parts.own.keyAt(ctx, keyId, atMs);
    if (key === undefined) throw new GatewayError('SW_FED_KEY_UNKNOWN', 'a log names a key that we did not use then');
    return key;
  }
}
