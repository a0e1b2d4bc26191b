import { GatewayError } from '../kernel/errors.js';
import { isSingleLabel, type ServerName } from '../kernel/ids.js';

/** Where a server answers: as configured, otherwise `https://<server name>`. */
export class PeerUrls {
  private readonly configured: ReadonlyMap<string, string>;

  constructor(origins: Readonly<Record<string, string>>) {
    this.configured = new Map(Object.entries(origins));
  }

  /** Scheme, host and port. A name without a dot means something on some networks only, so it must be configured. */
  originOf(server: ServerName): string {
    const configured = this.configured.get(server);
    if (configured !== undefined) return configured;
    if (isSingleLabel(server)) throw new GatewayError('SW_FED_PEER_UNREACHABLE', `no address is configured for ${server}`);
    return `https://${server}`;
  }
}
