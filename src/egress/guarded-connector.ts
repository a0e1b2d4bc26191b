import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressGuard, Target } from './address-guard.js';

export interface ConnectorOptions {
  readonly connectMs: number;
  /** PEM certificates trusted beside nothing else; absent: the roots of Node. */
  readonly trustedCa: string | undefined;
}

/**
 * Opens the sockets of one origin. The addresses handed to the dialler are the ones just judged, so a name that changes
 * its mind between check and use gains nothing; a literal never reaches a lookup and is judged before; and the far end of
 * the opened socket is judged once more. TLS keeps the name of the URL, since only the lookup is replaced.
 */
export function guardedConnector(guard: AddressGuard, target: Target, options: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({
    timeout: options.connectMs,
    lookup: judgedLookup(guard, target),
    ...(options.trustedCa === undefined ? {} : { ca: options.trustedCa }),
  });
  return (request, callback) => {
    const refused = isIP(request.hostname) === 0 ? undefined : verdict(guard, target, request.hostname);
    if (refused !== undefined) return callback(refused, null);
    connect(request, (error, socket) => {
      if (error !== null) return callback(error, null);
      const late = verdict(guard, target, socket.remoteAddress ?? '');
      if (late === undefined) return callback(null, socket);
      socket.destroy();
      callback(late, null);
    });
  };
}

function verdict(guard: AddressGuard, target: Target, address: string): Error | undefined {
  try {
    guard.judge(address, target);
    return undefined;
  } catch (thrown) {
    return asError(thrown);
  }
}

function judgedLookup(guard: AddressGuard, target: Target): LookupFunction {
  return (_hostname, { all }, callback) => {
    guard.addresses(target).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        if (all === true) callback(null, found);
        else callback(null, found[0]?.address ?? '', found[0]?.family);
      },
      (thrown: unknown) => callback(asError(thrown), ''),
    );
  };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('not an error', { cause: thrown });
}
