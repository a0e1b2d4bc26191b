import { hash } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import { RATE_PACE } from '../kernel/rates.js';
import { openCarriedDescriptor, type Descriptor, type UnprovenDescriptor } from '../protocol/descriptor.js';
import { BriefMemory } from '../store/cache/brief-memory.js';
import { RecentMap } from '../store/cache/recent-map.js';
import { SlidingCount } from '../store/cache/sliding-count.js';

type Contract = Parameters<typeof openCarriedDescriptor>[0];

/** What a list says by now. */
export interface ReadList {
  /** Descriptors that hold. */
  readonly held: ReadonlyMap<ServerName, Descriptor>;
  /** Servers whose keys are left for when the list comes again: all at once there was too much to prove. */
  readonly unread: ReadonlySet<ServerName>;
}

/** One of a list: how many keys have to be proved for it, none where it was read a moment ago. */
interface Opened {
  /** Whose it claims to be, where it was not read yet. */
  readonly server?: ServerName;
  readonly keys: number;
  readonly read: () => Promise<Descriptor | undefined>;
}

/**
 * Reads the lists of descriptors that come with batches. A key costs more than a millisecond to prove, and a batch has
 * room for more than a thousand: so many as a home may have us prove in a minute are read of a list, and a list is read
 * when all of that fits. Those with few keys go first: a server with many delays only itself. All homes together have a
 * bound as well, since there may be any number of them.
 */
export class CarriedReading {
  /** The same descriptors come with every run of a room. */
  private readonly readBefore: BriefMemory<Descriptor>;
  /** One list comes with all items of a batch: what it costs is spent once, whatever comes of it. */
  private readonly lists = new WeakMap<readonly string[], Promise<ReadList>>();
  private readonly spent: RecentMap<SlidingCount>;
  private readonly spentByAll = new SlidingCount(RATE_PACE);

  constructor(private readonly contract: Contract, private readonly clock: Pick<Clock, 'monotonicMs'>) {
    this.readBefore = new BriefMemory(LIMITS.unprovenDescriptorsMax, LIMITS.unprovenKeptMs, clock);
    this.spent = new RecentMap(LIMITS.peersCachedMax, RATE_PACE.windowMs + RATE_PACE.slotMs, clock);
  }

  /** By server; none of a server that comes twice. Throws SW_RATE_LIMIT_EXCEEDED where `home`, or all of them, brought too many. */
  read(home: ServerName, list: readonly string[]): Promise<ReadList> {
    const reading = this.lists.get(list) ?? this.readAll(home, list);
    this.lists.set(list, reading);
    return reading;
  }

  private async readAll(home: ServerName, list: readonly string[]): Promise<ReadList> {
    const { taken, left } = withinBound(list.flatMap((jws) => this.open(jws) ?? []));
    this.spend(home, keysOf(taken));
    const read = new Map<ServerName, Descriptor>();
    const doubled = new Set<ServerName>();
    for (const one of taken) {
      const descriptor = await orNothing(one.read);
      if (descriptor === undefined) continue;
      if (read.has(descriptor.serverName)) doubled.add(descriptor.serverName);
      read.set(descriptor.serverName, descriptor);
    }
    const unread = new Set(left.flatMap(({ server }) => server ?? []));
    for (const server of [...doubled, ...unread]) read.delete(server);
    return { held: read, unread };
  }

  private open(jws: string): Opened | undefined {
    if (jws.length > LIMITS.descriptorBytesMax) return undefined;
    const name = hash('sha256', jws, 'hex');
    const before = this.readBefore.known(name);
    if (before !== undefined) return { keys: 0, read: () => before };
    const descriptor = orUndefined(() => openCarriedDescriptor(this.contract, jws));
    return descriptor && { server: descriptor.serverName, keys: descriptor.keyCount, read: () => this.readBefore.get(name, descriptor.prove) };
  }

  private spend(home: ServerName, keys: number): void {
    if (keys === 0) return;
    const nowMs = this.clock.monotonicMs();
    const spent = this.spent.getOrMake(home, () => new SlidingCount(RATE_PACE));
    const waitMs = Math.max(
      spent === undefined ? RATE_PACE.windowMs : waitFor(spent, keys, LIMITS.carriedKeysPerMinute, nowMs),
      waitFor(this.spentByAll, keys, LIMITS.carriedKeysOfAllPerMinute, nowMs),
    );
    if (waitMs > 0) throw new GatewayError('SW_RATE_LIMIT_EXCEEDED', `${keys} carried keys of ${home}`, { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
    spent?.add(nowMs, keys);
    this.spentByAll.add(nowMs, keys);
  }
}

/** Until so many more may be proved. */
function waitFor(spent: SlidingCount, keys: number, most: number, nowMs: number): number {
  const over = spent.sum(nowMs) + keys - most;
  return over <= 0 ? 0 : spent.leaveMs(nowMs, over);
}

function keysOf(opened: readonly Opened[]): number {
  return opened.reduce((sum, { keys }) => sum + keys, 0);
}

/** As much as may be read at a time of a list that could never be read whole. */
function withinBound(opened: readonly Opened[]): { readonly taken: readonly Opened[]; readonly left: readonly Opened[] } {
  const rising = [...opened].sort((one, other) => one.keys - other.keys);
  let keys = 0;
  const most = rising.findIndex((one) => (keys += one.keys) > LIMITS.carriedKeysPerMinute);
  return most === -1 ? { taken: rising, left: [] } : { taken: rising.slice(0, most), left: rising.slice(most) };
}

function orUndefined(open: () => UnprovenDescriptor): UnprovenDescriptor | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof GatewayError) return undefined;
    throw error;
  }
}

async function orNothing(read: Opened['read']): Promise<Descriptor | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof GatewayError) return undefined;
    throw error;
  }
}
