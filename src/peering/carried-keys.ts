import { hash, type KeyObject } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import { serverOf, type KeyId, type LogName, type RoomId, type ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Log, Meter } from '../kernel/ports.js';
import { RATE_PACE } from '../kernel/rates.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import type { Descriptor } from '../protocol/descriptor.js';
import { BriefMemory } from '../store/cache/brief-memory.js';
import type { Repositories, Store } from '../store/store.js';
import { AdmittedKeys } from './admitted-keys.js';
import { CarriedReading, type ReadList } from './carried-reading.js';
import { firstSight, judged, keyAt, type KnownPeer } from './known-peer.js';
import type { PeerDirectory } from './peer-directory.js';
import { PeerRows } from './peer-rows.js';

/** A self-signed descriptor that came along with a run: the home's word for who a third server is. */
interface Carried {
  /** Absent while its keys are still to be proved, when the list comes again. */
  readonly descriptor: Descriptor | undefined;
  /** What the room believed before. */
  readonly pinned: KnownPeer | undefined;
}

export type CarriedDescriptors = ReadonlyMap<ServerName, Carried>;

export interface CarriedKeysParts {
  readonly contract: ConstructorParameters<typeof CarriedReading>[0];
  readonly directory: Pick<PeerDirectory, 'find'>;
  readonly store: Pick<Store, 'read'>;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly log: Pick<Log, 'warn'>;
  readonly meter: Pick<Meter, 'count'>;
}

/**
 * Keys of third servers for stored events of the room they came with. Never for requests, never kept as a peer, and
 * never a reason to call anybody. What we have pinned ourselves wins; else what the home carried first for that room, so
 * that it cannot give a server other keys later on.
 */
export class CarriedKeys {
  private readonly reading: CarriedReading;
  private readonly settled: BriefMemory<CarriedDescriptors>;
  private readonly rows = new PeerRows(new AdmittedKeys(LIMITS.peersCachedMax));

  constructor(private readonly parts: CarriedKeysParts) {
    this.reading = new CarriedReading(parts.contract, parts.clock);
    this.settled = new BriefMemory(LIMITS.unprovenDescriptorsMax, LIMITS.peerKeysCacheMs, parts.clock);
  }

  /**
   * Those that hold. One that does not, or that comes twice, is left out: its server's events are withheld, the run
   * stands. The room is one of the sender's own: its server pays for what there is to prove.
   */
  async read(ctx: TenantContext, room: LogName, list: readonly string[]): Promise<CarriedDescriptors> {
    if (list.length === 0) return new Map();
    const name = `${ctx.tenantId} ${room} ${hash('sha256', list.join('\n'), 'hex')}`;
    const carried = (await this.settled.get(name, async () => this.beside(ctx, room, await this.reading.read(serverOf(room), list)))) ?? new Map<ServerName, Carried>();
    const isWhole = [...carried.values()].every(({ descriptor }) => descriptor !== undefined);
    if (!isWhole || newsOf(carried, carried.keys()).length > 0) this.settled.forget(name);
    return carried;
  }

  /** Throws SW_RATE_LIMIT_EXCEEDED where the key may be one that is still to be proved. */
  async keyFor(ctx: TenantContext, server: ServerName, keyId: KeyId, atMs: number, carried: CarriedDescriptors): Promise<KeyObject> {
    const one = carried.get(server);
    const believed = await this.believed(ctx, server, one);
    const found = believed === undefined ? 'unknown' : keyAt(believed, keyId, 'stored', atMs);
    if (found === 'unknown') throw one !== undefined && one.descriptor === undefined ? laterOf(server) : unknownKey(server);
    if (found === 'not-valid') throw new GatewayError('SW_FED_KEY_REFUSED', `a carried key of ${server} outside its time`);
    return found;
  }

  /** Whether the room believes keys of these servers from now on that it did not before. */
  isNews(carried: CarriedDescriptors, servers: Iterable<ServerName>): boolean {
    return newsOf(carried, servers).length > 0;
  }

  /** From here on the room believes what came along of these servers, whose words it keeps. */
  async pin(ctx: TenantContext, { roomKeys }: Pick<Repositories, 'roomKeys'>, roomId: RoomId, carried: CarriedDescriptors, servers: Iterable<ServerName>): Promise<void> {
    for (const { peer, before } of newsOf(carried, servers)) {
      const row = { server_name: peer.server, serial: peer.serial, descriptor: this.rows.write(peer) };
      const saved = await roomKeys.save(ctx, roomId, row, before, this.parts.clock.nowMs());
      if (!saved) throw new GatewayError('SW_UNAVAILABLE', `keys of ${peer.server} were learned meanwhile`, { retryAfterSeconds: 1 });
    }
  }

  private async believed(ctx: TenantContext, server: ServerName, carried: Carried | undefined): Promise<KnownPeer | undefined> {
    const own = await this.parts.directory.find(ctx, server);
    if (own?.trust === 'frozen') throw new GatewayError('SW_FED_PEER_FROZEN', server);
    // What only answered a stranger's call is no pin of ours: a stranger could choose when we look.
    const pinned = own?.proven === true ? own.peer : carried?.pinned;
    if (carried?.descriptor === undefined) return pinned;
    if (pinned === undefined) return firstSight(carried.descriptor);
    const verdict = judged(pinned, carried.descriptor);
    if (verdict.verdict === 'contradiction') return this.alarm(ctx, server, verdict.why);
    return verdict.verdict === 'trusted' ? verdict.peer : pinned;
  }

  private alarm(ctx: TenantContext, server: ServerName, reason: string): never {
    this.parts.meter.count('fed_alarms_total', { kind: 'carried-key' });
    this.parts.log.warn({ tenantId: ctx.tenantId, peer: server, reason }, 'a home carries other keys of a server than are believed here');
    throw new GatewayError('SW_FED_KEY_REFUSED', `carried keys of ${server} contradict ours`);
  }

  /** Of ourselves and of the home we know better. A room that believes as many servers as it may takes no further one. */
  private async beside(ctx: TenantContext, room: LogName, { held, unread }: ReadList): Promise<CarriedDescriptors> {
    const servers = [...held.keys(), ...unread].filter((server) => server !== ctx.serverName && server !== serverOf(room));
    const { rows, count } = await this.parts.store.read(ctx, async ({ roomKeys }) => {
      const found = await roomKeys.find(ctx, room, servers);
      return { rows: found, count: found.length === servers.length ? 0 : await roomKeys.count(ctx, room) };
    });
    const pins = new Map(rows.map((row) => [row.server_name, this.rows.read(row)]));
    const isFull = count >= LIMITS.carriedServersPerRoomMax;
    const carried = new Map<ServerName, Carried>();
    for (const server of servers) {
      const pinned = pins.get(server);
      if (pinned !== undefined || !isFull) carried.set(server, { descriptor: held.get(server), pinned });
    }
    return carried;
  }
}

interface News {
  readonly peer: KnownPeer;
  /** The descriptor that the room believed before. */
  readonly before: string | null;
}

/** What a room would believe that it does not yet; what contradicts or lags behind changes nothing. */
function newsOf(carried: CarriedDescriptors, servers: Iterable<ServerName>): readonly News[] {
  return [...servers].flatMap((server): readonly News[] => {
    const { descriptor, pinned } = carried.get(server) ?? {};
    if (descriptor === undefined) return [];
    if (pinned === undefined) return [{ peer: firstSight(descriptor), before: null }];
    const verdict = judged(pinned, descriptor);
    return verdict.verdict === 'trusted' && descriptor.jws !== pinned.jws ? [{ peer: verdict.peer, before: pinned.jws }] : [];
  });
}

function unknownKey(server: ServerName): GatewayError {
  return new GatewayError('SW_FED_KEY_UNKNOWN', `no carried key of ${server}`);
}

function laterOf(server: ServerName): GatewayError {
  const retryAfterSeconds = (RATE_PACE.windowMs + RATE_PACE.slotMs) / 1_000;
  return new GatewayError('SW_RATE_LIMIT_EXCEEDED', `keys of ${server} are still to be proved`, { retryAfterSeconds });
}
