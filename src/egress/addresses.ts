import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * `public`: anyone's. `private`: inside some network; a deployment may open it by CIDR. `forbidden`: this machine, its
 * metadata service, link-local, multicast, reserved, or a form that hides another address; opened only one by one.
 */
export type AddressClass = 'public' | 'private' | 'forbidden';

/** Metadata and platform services that sit inside otherwise private, or even public, ranges. */
const METADATA: readonly string[] = [
  '100.100.100.200',
  '168.63.129.16',
  'fd00:ec2::23',
  'fd00:ec2::254',
  'fd20:ce::254',
];

/** Ranges that the table of ipaddr.js calls unicast and nobody on the internet answers from. */
const NOT_PUBLIC: readonly [ipaddr.IPv6, number][] = ['2001::/23', '2001:db8::/32', '3fff::/20', '2620:4f:8000::/48'].map((cidr) =>
  ipaddr.IPv6.parseCIDR(cidr),
);
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
const PRIVATE_RANGES: ReadonlySet<string> = new Set(['private', 'carrierGradeNat', 'uniqueLocal']);

/** The address in its one form: an IPv4 address inside IPv6 is that IPv4 address. Undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (bare.includes('%') || (!ipaddr.IPv6.isValid(bare) && !ipaddr.IPv4.isValidFourPartDecimal(bare))) return undefined;
  const address = ipaddr.parse(bare);
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

export function classOf(address: Address): AddressClass {
  if (METADATA.some((known) => isSame(address, ipaddr.parse(known)))) return 'forbidden';
  const range = address.range();
  if (PRIVATE_RANGES.has(range)) return 'private';
  if (range !== 'unicast') return 'forbidden';
  if (address instanceof ipaddr.IPv4) return 'public';
  const global = address.match(GLOBAL_UNICAST) && !NOT_PUBLIC.some((cidr) => address.match(cidr));
  return global ? 'public' : 'forbidden';
}

export function isSame(one: Address, other: Address): boolean {
  return one.kind() === other.kind() && one.toNormalizedString() === other.toNormalizedString();
}

export function isWithin(address: Address, cidr: readonly [Address, number]): boolean {
  const [network, bits] = cidr;
  if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, bits);
  return network instanceof ipaddr.IPv6 && address.match(network, bits);
}
