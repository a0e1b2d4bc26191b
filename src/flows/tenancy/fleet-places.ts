import { GatewayError } from '../../kernel/errors.js';
import type { PartnerId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import { systemContext } from '../../kernel/tenant-context.js';
import type { Store } from '../../store/store.js';
import type { Fleet } from './fleet.js';

/** Does one thing with a place in the fleet; undefined = the place went to another meanwhile. */
type WithPlace<T> = (place: string) => Promise<T | undefined>;

/**
 * Keeps a fleet within its limit, exactly, though each tenant is made or moved in a transaction of its own: a place is a
 * numbered name that only one can take, and all who come at once try for the same one.
 */
export class FleetPlaces {
  constructor(
    private readonly store: Pick<Store, 'spanning'>,
    private readonly fleet: Pick<Fleet, 'find'>,
  ) {}

  /** A place within the limit, for those who make tenants here. Throws SW_PARTNER_CAPACITY. A partner without a row has no limit. */
  async taking<T>(partnerId: PartnerId, make: WithPlace<T>): Promise<T> {
    return this.#try(partnerId, (await this.fleet.find(partnerId))?.row.limits.max_tenants ?? null, make);
  }

  /** A place whatever the limit is: to which partner a tenant belongs is ScaiKey's to say, and it has limits of its own. */
  async joining<T>(partnerId: PartnerId, join: WithPlace<T>): Promise<T> {
    return this.#try(partnerId, null, join);
  }

  async #try<T>(partnerId: PartnerId, limit: number | null, work: WithPlace<T>): Promise<T> {
    for (let attempt = 1; attempt <= LIMITS.fleetPlaceAttemptsMax; attempt += 1) {
      const { taken, free } = await this.#places(partnerId);
      if (limit !== null && taken >= limit) throw new GatewayError('SW_PARTNER_CAPACITY', `${partnerId} has ${taken} of ${limit}`);
      const done = await work(`${partnerId}/${free}`);
      if (done !== undefined) return done;
    }
    throw new GatewayError('SW_OVERLOADED', `too many tenants of ${partnerId} at once`);
  }

  async #places(partnerId: PartnerId): Promise<{ readonly taken: number; readonly free: number }> {
    const system = systemContext('find-partner');
    return this.store.spanning(system, (all) => all.fleetPlaces(system, partnerId));
  }
}
