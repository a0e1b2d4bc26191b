import { Redis } from 'ioredis';
import { connect } from 'nats';
import { taskStreamOf } from '../../src/streams/task-wire.js';
import { isRealStack, namedService, ranAgainst } from './services.js';

/** The cache and the streams of a node beside its database: those lent to the run of real services, else its own. */
export interface LentServices {
  readonly env: Readonly<Record<string, string>>;
  /** Takes away what was kept under the word. What the cache holds ends by itself. */
  remove(): Promise<void>;
}

/** `word` keeps the streams of one test from those of another. */
export function lentServices(word: string): LentServices {
  const redis = isRealStack() ? namedService('redis') : undefined;
  const nats = isRealStack() ? namedService('nats') : undefined;
  if (redis !== undefined) ranAgainst('redis', 'the server named by SCAIWAVE_TEST_REDIS_URL');
  if (nats !== undefined) ranAgainst('nats', 'the server named by SCAIWAVE_TEST_NATS_URL');
  return {
    env: {
      ...(redis === undefined ? {} : { SCAIWAVE_REDIS_URL: redis }),
      ...(nats === undefined ? {} : { SCAIWAVE_NATS_URL: nats, SCAIWAVE_NATS_STREAM: word, SCAIWAVE_NATS_PREFIX: word }),
    },
    async remove() {
      if (nats !== undefined) await forgetStreams(nats, word);
    },
  };
}

/** Takes away what a lent cache holds of one tenant, as if it had been emptied; a cache of the process ends with it. */
export async function emptyCacheOf(tenantId: string): Promise<void> {
  const url = isRealStack() ? namedService('redis') : undefined;
  if (url === undefined) return;
  const redis = new Redis(url);
  for await (const keys of redis.scanStream({ match: `sw:${tenantId}:*` }) as AsyncIterable<string[]>) {
    if (keys.length > 0) await redis.del(...keys);
  }
  redis.disconnect();
}

async function forgetStreams(nats: string, word: string): Promise<void> {
  const connection = await connect({ servers: nats });
  const manager = await connection.jetstreamManager();
  for (const stream of [word, taskStreamOf(word)]) await manager.streams.delete(stream).catch(() => false);
  await connection.close();
}
