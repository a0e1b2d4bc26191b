import { isAbsolute, resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { parseServerName, type ServerName } from '../kernel/ids.js';
import { Secret } from './secret.js';

/** Text of one setting to its value. Throws {@link BadValue} with the end of the sentence "NAME …". */
export type Reader<T> = (text: string) => T;

/** Never holds the text it refuses: the text may be a secret that was put under the wrong name. */
export class BadValue extends Error {
  override readonly name = 'BadValue';
}

export function oneOf<T extends string>(...words: readonly T[]): Reader<T> {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new BadValue(`must be one of ${words.join(', ')}`);
    return word;
  };
}

/** A comma-separated list without empty or repeated items. */
export function listOf<T>(item: Reader<T>): Reader<readonly T[]> {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim());
    if (new Set(parts).size !== parts.length) throw new BadValue('names something twice');
    return parts.map(item);
  };
}

export function integer(min: number, max: number): Reader<number> {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new BadValue(`must be a whole number from ${min} to ${max}`);
    return value;
  };
}

export function matching(grammar: RegExp, sentence: string): Reader<string> {
  return (text) => {
    if (!grammar.test(text)) throw new BadValue(sentence);
    return text;
  };
}

/** Text that needs no grammar of ours. */
export const text: Reader<string> = (value) => value;

/** A path, made absolute, so that a later change of the working folder moves nothing. */
export const path: Reader<string> = (value) => {
  if (value.includes('\0')) throw new BadValue('must be a path');
  return isAbsolute(value) ? value : resolve(value);
};

export const serverName: Reader<ServerName> = (value) => {
  try {
    return parseServerName(value);
  } catch {
    throw new BadValue('must be a lower-case host name without port');
  }
};

/** An address to listen on: `localhost` or an IP address. */
export const listenAddress: Reader<string> = (value) => {
  if (value !== 'localhost' && !isAddress(value)) throw new BadValue('must be localhost or an IP address to listen on');
  return value;
};

/** An IP address, or a range such as `10.0.0.0/8`. */
export const addressOrRange: Reader<string> = (value) => {
  const host = /^(?:\[(.+)\]|([\d.]+)):[1-9]\d{0,4}$/.exec(value);
  if (!isAddress(host?.[1] ?? host?.[2] ?? value) && !ipaddr.isValidCIDR(value)) {
    throw new BadValue('must hold IP addresses, with a port or without, or ranges such as 10.0.0.0/8');
  }
  return value;
};

function isAddress(value: string): boolean {
  return ipaddr.IPv6.isValid(value) || ipaddr.IPv4.isValidFourPartDecimal(value);
}

export function isLoopback(address: string): boolean {
  return address === 'localhost' || ipaddr.process(address).range() === 'loopback';
}

function parseUrl(value: string, protocols: readonly string[]): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !protocols.includes(url.protocol)) {
    throw new BadValue(`must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);
  }
  return url;
}

/** `https://host` or `http://host:port`, nothing behind it; comes out without a slash at the end. */
export const origin: Reader<string> = (value) => {
  const url = parseUrl(value, ['https:', 'http:']);
  if (url.username !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new BadValue('must be scheme, host and port only, such as https://chat.example.com');
  }
  return url.origin;
};

/** An HTTP address of another service; a path is kept, a slash at its end is not. */
export const serviceUrl: Reader<string> = (value) => {
  const url = parseUrl(value, ['https:', 'http:']);
  if (url.username !== '') throw new BadValue('must not hold a user or password');
  return url.href.replace(/\/$/, '');
};

/** `name=url,…` to an object without prototype surprises. */
export const originsByServer: Reader<Readonly<Record<ServerName, string>>> = (value) => {
  const pairs = listOf((item): readonly [ServerName, string] => {
    const [name = '', url = '', ...rest] = item.split('=');
    if (url === '' || rest.length > 0) throw new BadValue('must look like b.example=http://127.0.0.1:8081,…');
    return [serverName(name), origin(url)];
  })(value);
  if (new Set(pairs.map(([name]) => name)).size !== pairs.length) throw new BadValue('names a server twice');
  return Object.fromEntries(pairs);
};

export const secretText: Reader<Secret> = (value) => new Secret(value);

/** What goes into an `Authorization` header. */
export const bearerKey: Reader<Secret> = (value) => {
  if (!/^[!-~]{8,512}$/.test(value)) throw new BadValue('must be 8 to 512 visible ASCII characters');
  return new Secret(value);
};

/** 32 bytes as base64, base64url or hex. */
export const masterKey: Reader<Secret> = (value) => {
  const bytes = /^[0-9a-f]{64}$/i.test(value) ? Buffer.from(value, 'hex') : Buffer.from(value, 'base64');
  if (bytes.length !== 32 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(value)) {
    throw new BadValue('must be 32 bytes as base64 or hex (openssl rand -base64 32)');
  }
  return new Secret(value);
};

/** A connection URL; what is printed of it is scheme, user, host and path. */
export function connectionUrl(...protocols: readonly string[]): Reader<Secret> {
  return (value) => {
    // NATS accepts several servers, comma-separated; each must stand on its own.
    const shown = value.split(',').map((part) => {
      const url = parseUrl(part.trim(), protocols);
      const user = url.username === '' ? '' : `${url.password === '' ? '' : url.username + ':'}[redacted]@`;
      return `${url.protocol}//${user}${url.host}${url.pathname}`;
    });
    return new Secret(value, shown.join(','));
  };
}
