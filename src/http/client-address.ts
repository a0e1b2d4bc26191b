import ipaddr from 'ipaddr.js';

/**
 * Whose rate a request counts for. A trusted proxy speaks for the last address in X-Forwarded-For that is not a
 * trusted proxy itself; when it names none, it speaks for itself and is not limited (`null`).
 */
export function clientAddress(
  socketAddress: string,
  forwardedFor: string | undefined,
  isTrusted: (address: string) => boolean,
): string | null {
  const nearest = plainAddress(socketAddress) ?? socketAddress;
  if (!isTrusted(nearest)) return nearest;
  for (const named of (forwardedFor ?? '').split(',').reverse()) {
    const address = plainAddress(named.trim());
    if (address === undefined) return null;
    if (!isTrusted(address)) return address;
  }
  return null;
}

const DOTTED = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/i;

/**
 * IPv4 in its dotted form even where the socket speaks IPv6; `undefined` when it is no address. The dotted form is
 * told by its look, since every request comes through here and the library takes its time.
 */
function plainAddress(text: string): string | undefined {
  return DOTTED.exec(text)?.[1] ?? (ipaddr.IPv6.isValid(text) ? text : undefined);
}
