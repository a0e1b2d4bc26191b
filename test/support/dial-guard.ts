import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/**
 * Code that may open a connection or ask for an address: three rooms of ours, and the drivers that lint keeps in them.
 * A server that starts to listen asks for its own address, which dials nobody.
 */
const MAY_DIAL = [
  /[\\/](?:src|dist)[\\/](?:egress|store|streams)[\\/]/,
  /[\\/]node_modules[\\/](?:pg|pg-[a-z-]+|ioredis|nats)[\\/]/,
  /at lookupAndListen \(node:net:/,
];

export interface Dial {
  readonly what: string;
  readonly stack: string;
}

/** Watches every TCP connection, socket connection and name look-up of this process; returns the function that ends it. */
export function guardDials(onStray: (dial: Dial) => void): () => void {
  const judge = (what: string): void => {
    const stack = callers();
    if (!MAY_DIAL.some((place) => place.test(stack))) onStray({ what, stack });
  };
  const restores = [
    watch(net.Socket.prototype, 'connect', judge),
    ...(['lookup', 'resolve', 'resolve4', 'resolve6', 'resolveAny', 'resolveSrv'] as const).map((name) => watch(dns, name, judge)),
    ...(['lookup', 'resolve', 'resolve4', 'resolve6', 'resolveAny', 'resolveSrv'] as const).map((name) => watch(dns.promises, name, judge)),
  ];
  syncBuiltinESMExports();
  return () => {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  };
}

/** Puts `judge` before a method, whoever calls it and however it was imported. */
function watch<Name extends string>(target: Readonly<Record<Name, unknown>>, name: Name, judge: (what: string) => void): () => void {
  const original: unknown = target[name];
  if (typeof original !== 'function') throw new Error(`${name} is not a method`);
  function watched(this: unknown, ...args: unknown[]): unknown {
    judge(name);
    return Reflect.apply(original as (...args: unknown[]) => unknown, this, args);
  }
  // Node hangs the promise form of a method on it as a property.
  Object.defineProperties(watched, Object.getOwnPropertyDescriptors(original));
  Object.defineProperty(target, name, { value: watched, configurable: true, writable: true, enumerable: true });
  return () => Object.defineProperty(target, name, { value: original, configurable: true, writable: true, enumerable: true });
}

function callers(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 60;
  const { stack = '' } = new Error('dial');
  Error.stackTraceLimit = limit;
  return stack;
}
