import { GatewayError } from '../kernel/errors.js';

/** Reads one path or query parameter from its text, or refuses it with SW_BAD_REQUEST. */
export type Reader<T> = (text: string) => T;

/** A query parameter: how it is read, and what it is when it is not given. */
export interface QueryReader<T> {
  readonly read: Reader<T>;
  readonly absent: () => T;
}

export type Readers = Readonly<Record<string, Reader<unknown>>>;
export type QueryReaders = Readonly<Record<string, QueryReader<unknown>>>;
export type ReadParams<R extends Readers> = { readonly [K in keyof R]: ReturnType<R[K]> };
export type ReadQuery<Q extends QueryReaders> = { readonly [K in keyof Q]: ReturnType<Q[K]['read']> };

function refuse(what: string): never {
  throw new GatewayError('SW_BAD_REQUEST', `target: ${what}`);
}

export function withDefault<T>(read: Reader<T>, absent: T): QueryReader<T> {
  return { read, absent: () => absent };
}

export function optional<T>(read: Reader<T>): QueryReader<T | null> {
  return { read, absent: () => null };
}

/** `2026-11`. */
export const month: Reader<string> = (input) => (/^20\d{2}-(?:0[1-9]|1[0-2])$/.test(input) ? input : refuse('a month such as 2026-11 is needed'));

/** A whole number in decimal, without sign, leading zeros or exponent. */
export function whole(min: number, max: number): Reader<number> {
  return (input) => {
    const value = /^(?:0|[1-9]\d{0,15})$/.test(input) ? Number(input) : Number.NaN;
    return value >= min && value <= max ? value : refuse(`a whole number from ${min} to ${max} is needed`);
  };
}

/** A whole number of which no more than `max` is given, whatever is asked for. */
export function wholeUpTo(max: number): Reader<number> {
  const any = whole(0, Number.MAX_SAFE_INTEGER);
  return (input) => Math.min(any(input), max);
}

export function oneOf<const T extends string>(allowed: readonly T[]): Reader<T> {
  return (input) => allowed.find((value) => value === input) ?? refuse(`one of ${allowed.join(', ')} is needed`);
}

/** A moment in UTC by RFC 3339, to the second or finer, as milliseconds since 1970. */
export const moment: Reader<number> = (input) => {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/.test(input) ? Date.parse(input) : Number.NaN;
  // A day that its month does not have would be taken for one of the next month.
  const isReal = !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(input.slice(0, 19));
  return isReal ? ms : refuse('a time like 2026-01-31T12:00:00Z is needed');
};

export const flag: Reader<boolean> = (input) =>
  input === 'true' || (input === 'false' ? false : refuse('true or false is needed'));

/** Free text without control characters. */
export function textUpTo(charsMax: number): Reader<string> {
  return (input) =>
    input.length <= charsMax && !/\p{Cc}/u.test(input) ? input : refuse('unreadable text');
}

/** Values parted by commas, at least one. */
export function listOf<T>(read: Reader<T>, itemsMax: number): Reader<readonly T[]> {
  return (input) => {
    const parts = input.split(',');
    return parts.length <= itemsMax ? parts.map(read) : refuse(`at most ${itemsMax} values`);
  };
}

export function readParams<R extends Readers>(readers: R, given: Readonly<Record<string, string>>): ReadParams<R> {
  const read = Object.entries(readers).map(([name, reader]) => [name, reader(given[name] ?? '')] as const);
  return Object.fromEntries(read) as ReadParams<R>;
}

/** Parameters nobody asked for are left alone, a wanted one given twice is refused. */
export function readQuery<Q extends QueryReaders>(readers: Q, target: string): ReadQuery<Q> {
  const given = queryOf(target);
  const read = Object.entries(readers).map(([name, { read: reader, absent }]) => {
    const values = given.filter(([key]) => key === name);
    if (values.length > 1) refuse('given twice');
    return [name, values[0] === undefined ? absent() : reader(values[0][1])] as const;
  });
  return Object.fromEntries(read) as ReadQuery<Q>;
}

export function queryOf(target: string): readonly (readonly [string, string])[] {
  const mark = target.indexOf('?');
  if (mark < 0 || mark === target.length - 1) return [];
  return target.slice(mark + 1).split('&').map((pair) => {
    const equals = pair.indexOf('=');
    return equals < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))];
  });
}

/** The segments of a target's path, decoded one by one, so that an encoded slash parts nothing. */
export function decodedSegments(target: string): readonly string[] {
  const [path = ''] = target.split('?', 1);
  return path.split('/').map((segment) => percentDecoded(segment));
}

/** Percent-decoding that refuses what is not UTF-8 instead of repairing it. */
function percentDecoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return refuse('not percent-encoded UTF-8');
  }
}

/** The same for a query, where a plus is a space. */
function decoded(part: string): string {
  return percentDecoded(part.replaceAll('+', ' '));
}
