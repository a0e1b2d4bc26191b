import type { Contract } from '../../contract/contract.js';
import { GatewayError } from '../../kernel/errors.js';
import { customTransport } from './custom.js';
import type { BridgeMessage, Transport } from './transport.js';

/** Every kind of bridge that this node speaks. A new platform is its file and a line here. */
const TRANSPORTS: readonly Transport[] = [customTransport];

/** A transport that knows the schemas of what it reads. */
export interface BoundTransport extends Pick<Transport, 'name' | 'capabilities' | 'channelOf' | 'settingsFault' | 'writeOutbound' | 'refusesForGood'> {
  readInbound(body: Buffer): BridgeMessage;
  readAnswer(body: Buffer): string | null;
}

export class Transports {
  readonly #byName: ReadonlyMap<string, BoundTransport>;

  constructor(contract: Contract) {
    this.#byName = new Map(TRANSPORTS.map((transport) => [transport.name, bound(transport, contract)]));
  }

  /** Throws SW_BRIDGE_TRANSPORT. */
  named(name: string): BoundTransport {
    const transport = this.#byName.get(name);
    if (transport === undefined) throw new GatewayError('SW_BRIDGE_TRANSPORT', name);
    return transport;
  }
}

function bound(transport: Transport, contract: Contract): BoundTransport {
  return {
    name: transport.name,
    capabilities: transport.capabilities,
    channelOf: (endpoint) => transport.channelOf(endpoint),
    settingsFault: (endpoint) => transport.settingsFault(endpoint),
    writeOutbound: (message, delivery) => transport.writeOutbound(message, delivery),
    refusesForGood: (body) => transport.refusesForGood(body),
    readInbound: (body) => transport.readInbound(contract, body),
    readAnswer: (body) => transport.readAnswer(contract, body),
  };
}
