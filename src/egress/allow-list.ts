import ipaddr from 'ipaddr.js';
import { classOf, isSame, isWithin, parseAddress } from './addresses.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

interface ExactEntry {
  readonly address: Address;
  /** Undefined: every port. */
  readonly port: number | undefined;
}

/** Special addresses that this deployment may call, and the only ones that may be called without TLS. */
export class AllowList {
  private constructor(
    private readonly networks: readonly (readonly [Address, number])[],
    private readonly exact: readonly ExactEntry[],
  ) {}

  /** Entries are `10.0.0.0/8`, `127.0.0.1`, `127.0.0.1:8081`, `::1`, `[::1]:8081`. All faults are named at once. */
  static parse(entries: readonly string[]): AllowList {
    const networks: (readonly [Address, number])[] = [];
    const exact: ExactEntry[] = [];
    const faults: string[] = [];
    for (const entry of entries) {
      const parsed = entry.includes('/') ? parseNetwork(entry) : parseExact(entry);
      if (typeof parsed === 'string') faults.push(`"${entry}" ${parsed}`);
      else if ('port' in parsed) exact.push(parsed);
      else networks.push(parsed);
    }
    if (faults.length > 0) throw new Error(`egress allow list: ${faults.join('; ')}`);
    return new AllowList(networks, exact);
  }

  /** A network opens only what is private in it; the rest must be named. */
  allows(address: Address, port: number): boolean {
    const named = this.exact.some((entry) => isSame(entry.address, address) && (entry.port ?? port) === port);
    return named || (classOf(address) === 'private' && this.networks.some((network) => isWithin(address, network)));
  }
}

function parseNetwork(entry: string): readonly [Address, number] | string {
  if (!ipaddr.isValidCIDR(entry)) return 'is not a CIDR';
  const network = ipaddr.parseCIDR(entry);
  return classOf(network[0]) === 'private' ? network : 'is not a private network; name single addresses instead';
}

function parseExact(entry: string): ExactEntry | string {
  const whole = parseAddress(entry);
  if (whole !== undefined) return { address: whole, port: undefined };
  const colon = entry.lastIndexOf(':');
  const address = parseAddress(entry.slice(0, colon));
  const port = entry.slice(colon + 1);
  if (colon < 1 || address === undefined) return 'is not an address';
  return /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535 ? { address, port: Number(port) } : 'has no valid port';
}
