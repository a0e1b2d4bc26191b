import ipaddr from 'ipaddr.js';

/** What one subscriber holds and can change at will: an IPv4 address, or a /64 of IPv6. */
export function subscriberOf(address: string): string {
  if (!address.includes(':') || !ipaddr.IPv6.isValid(address)) return address;
  return ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':');
}
