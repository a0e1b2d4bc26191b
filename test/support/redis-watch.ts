import { Redis } from 'ioredis';
import { CACHE_CLIENT } from '../../src/store/cache/redis-cache.js';

export const NAMESPACES = ['nonce', 'presence', 'rate', 'sidekick_token'] as const;
/** `sw:{tenant_id}:{namespace}:{key}` */
export const KEY = new RegExp(`^sw:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(${NAMESPACES.join('|')}):.+$`, 's');

const KEYLESS: ReadonlySet<string> = new Set(['info', 'ping', 'hello', 'select', 'auth', 'client', 'time', 'monitor', 'quit']);
const ONE_KEY: ReadonlySet<string> = new Set(['get', 'set', 'hmget', 'hset', 'pexpire', 'hmset', 'hincrby', 'hgetall', 'hdel']);

/** The keys of a command; a command that nobody has thought of is a fault by itself. */
export function keysOf([name = '', ...args]: readonly string[]): readonly string[] {
  const command = name.toLowerCase();
  if (KEYLESS.has(command)) return [];
  if (ONE_KEY.has(command)) return args.slice(0, 1);
  if (command === 'mget' || command === 'del') return args;
  if (command === 'eval' || command === 'evalsha') return args.slice(2, 2 + Number(args[1]));
  return [`unknown command ${name}`];
}

export function strays(commands: readonly (readonly string[])[]): readonly string[] {
  return commands.flatMap(keysOf).filter((key) => !KEY.test(key));
}

/** Tells nodes from whoever else uses a server, by the name that a node gives its connection when it opens it. */
export class NodesOnly {
  private readonly nodes = new Set<string>();
  private readonly justNamed = new Set<string>();

  /** True for a command of a node; `source` is the address it came from, which a stranger may have later. */
  hears(source: string, [name = '', what = '', value = '']: readonly string[]): boolean {
    if (name.toLowerCase() === 'client' && what.toLowerCase() === 'setname' && value === CACHE_CLIENT) {
      this.nodes.add(source);
      this.justNamed.add(source);
    } else if (name.toLowerCase() === 'info' && !this.justNamed.delete(source)) {
      this.nodes.delete(source);
    }
    return this.nodes.has(source);
  }
}

/** Hears every command that a server is given from now on, until it is closed. */
export class RedisWatch {
  private constructor(
    private readonly url: string,
    private readonly monitor: Redis,
  ) {}

  static async on(url: string, hear: (command: readonly string[], source: string) => void): Promise<RedisWatch> {
    const client = new Redis(url);
    const monitor = await client.monitor();
    client.disconnect();
    monitor.on('monitor', (_time: string, command: string[], source: string) => hear(command, source));
    return new RedisWatch(url, monitor);
  }

  /** Resolves when all that was asked of the server until now has been heard. */
  async caughtUp(): Promise<void> {
    const word = `until here ${Math.random()}`;
    const heard = new Promise<void>((resolve) => {
      const look = (_time: string, command: string[]): void => {
        if (command[1] !== word) return;
        this.monitor.off('monitor', look);
        resolve();
      };
      this.monitor.on('monitor', look);
    });
    const mark = new Redis(this.url);
    await mark.ping(word);
    mark.disconnect();
    await heard;
  }

  close(): void {
    this.monitor.disconnect();
  }
}
