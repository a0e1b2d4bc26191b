import { isIP } from 'node:net';
import { classOf, parseAddress } from './addresses.js';
import type { AllowList } from './allow-list.js';
import { EgressFailure } from './egress-failure.js';

/** Where a URL leads, before its name is resolved. */
export interface Target {
  readonly protocol: 'http:' | 'https:';
  /** A host name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** All addresses of a host name. */
export type Resolver = (hostname: string) => Promise<readonly string[]>;

/** Decides where calls may go. The verdict when a URL is saved and the verdict when it is dialled are made here. */
export class AddressGuard {
  constructor(
    private readonly allowList: Pick<AllowList, 'allows'>,
    private readonly resolve: Resolver,
  ) {}

  /** What can be said of a URL without asking anyone. */
  target(url: string): Target {
    if (!URL.canParse(url)) throw new EgressFailure('refused-url', 'not an absolute URL');
    const { protocol, hostname, port, username, password } = new URL(url);
    if (protocol !== 'https:' && protocol !== 'http:') throw new EgressFailure('refused-url', `the scheme ${protocol} is not called`);
    if (username !== '' || password !== '') throw new EgressFailure('refused-url', 'a URL with credentials is not called');
    const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    return { protocol, host, port: port === '' ? defaultPort(protocol) : Number(port) };
  }

  /** The addresses of a target, every one of them judged: one that is refused refuses the name. */
  async addresses(target: Target): Promise<readonly string[]> {
    const found = isIP(target.host) === 0 ? await this.resolved(target.host) : [target.host];
    for (const address of found) this.judge(address, target);
    return found;
  }

  /** Throws unless a socket of this target may be connected to `text`. */
  judge(text: string, { protocol, port }: Pick<Target, 'protocol' | 'port'>): void {
    const address = parseAddress(text);
    if (address === undefined) throw new EgressFailure('refused-address', 'the resolver gave something that is no address');
    if (this.allowList.allows(address, port)) return;
    if (protocol === 'http:') throw new EgressFailure('refused-url', `${text} is not called without TLS`);
    const kind = classOf(address);
    if (kind !== 'public') throw new EgressFailure('refused-address', `${text} is a ${kind} address`);
  }

  private async resolved(host: string): Promise<readonly string[]> {
    const found = await this.resolve(host);
    if (found.length === 0) throw new EgressFailure('resolve', 'the host name has no address');
    return found;
  }
}

function defaultPort(protocol: 'http:' | 'https:'): number {
  return protocol === 'https:' ? 443 : 80;
}
