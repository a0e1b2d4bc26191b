import type { Config } from '../config/config.js';
import { localWake } from '../kernel/system-ports.js';
import type { Cache, RoomStreams, TaskQueue, Wake } from '../kernel/ports.js';
import type { Rates } from '../kernel/rates.js';
import { LocalCache } from '../store/cache/local-cache.js';
import { RateLimits } from '../store/cache/rate-limits.js';
import { RedisCache } from '../store/cache/redis-cache.js';
import { RedisCounts } from '../store/cache/redis-counts.js';
import { LocalStreams } from '../streams/local-streams.js';
import { LocalTasks } from '../streams/local-tasks.js';
import { NatsLink } from '../streams/nats-link.js';
import { NatsStreams } from '../streams/nats-streams.js';
import { NatsTasks } from '../streams/nats-tasks.js';
import { NatsWake } from '../streams/nats-wake.js';
import { allRoomsSubject, subjectPrefix } from '../streams/stream-wire.js';
import { allTasksSubject, taskStreamOf } from '../streams/task-wire.js';
import type { Basics } from './storage.js';

export interface Services {
  readonly cache: Cache;
  readonly rates: Rates;
  readonly streams: RoomStreams;
  readonly wake: Wake;
  /** Where workers take tasks from. */
  readonly tasks: TaskQueue;
  close(): Promise<void>;
}

/** Cache, rates, room streams and hints: the named servers, or what works inside one process. Losing them costs no data. */
export async function openServices(config: Config, basics: Basics): Promise<Services> {
  const cache = await openCache(config, basics);
  const streams = await openStreams(config, basics);
  return {
    cache: cache.cache,
    rates: cache.rates,
    streams: streams.streams,
    wake: streams.wake,
    tasks: streams.tasks,
    async close() {
      await streams.close();
      await cache.close();
    },
  };
}

async function openCache(config: Config, basics: Basics): Promise<Pick<Services, 'cache' | 'rates' | 'close'>> {
  const { clock, meter, log } = basics;
  const local = new LocalCache(clock);
  const url = config.secrets.redisUrl?.reveal();
  if (url === undefined) return { cache: local, rates: new RateLimits(basics), close: async () => {} };
  const redis = new RedisCache(url, local, meter, log);
  await redis.opened();
  return { cache: redis, rates: new RateLimits({ ...basics, shared: new RedisCounts(redis) }), close: () => redis.close() };
}

async function openStreams(config: Config, basics: Basics): Promise<Pick<Services, 'streams' | 'wake' | 'tasks' | 'close'>> {
  const url = config.secrets.natsUrl?.reveal();
  if (url === undefined) return { streams: new LocalStreams(basics.clock), wake: localWake(), tasks: new LocalTasks(basics.clock), close: async () => {} };
  const prefix = subjectPrefix(config.natsPrefix);
  const link = new NatsLink({ url, stream: config.natsStream, keeps: allRoomsSubject(prefix) }, basics.timers, basics.log);
  const taskLink = new NatsLink({ url, stream: taskStreamOf(config.natsStream), keeps: allTasksSubject(prefix), isWorkQueue: true }, basics.timers, basics.log);
  await Promise.all([link.opened(), taskLink.opened()]);
  const wake = new NatsWake(localWake(), link, prefix, basics.randomness.uuid());
  return {
    streams: new NatsStreams(link, prefix, basics.meter),
    wake,
    tasks: new NatsTasks(taskLink, prefix),
    async close() {
      wake.close();
      await Promise.all([link.close(), taskLink.close()]);
    },
  };
}
