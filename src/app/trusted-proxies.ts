import ipaddr from 'ipaddr.js';
import { isSame, isWithin, parseAddress } from '../egress/addresses.js';

/** Whether a socket's address is one of the configured proxies, given as addresses and ranges. */
export function trustedProxies(entries: readonly string[]): (address: string) => boolean {
  const ranges = entries.filter((entry) => entry.includes('/')).map((entry) => ipaddr.parseCIDR(entry));
  const exact = entries.flatMap((entry) => parseAddress(entry) ?? []);
  return (text) => {
    const address = parseAddress(text);
    return address !== undefined && (exact.some((one) => isSame(address, one)) || ranges.some((range) => isWithin(address, range)));
  };
}
