import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { ActingApi } from '../../src/flows/api/acting.js';
import type { Authenticator } from '../../src/flows/api/authenticator.js';
import type { StreamApi } from '../../src/flows/api/sync.js';
import type { BodyStream } from '../../src/http/call.js';
import { Front } from '../../src/http/front.js';
import { makeGate } from '../../src/http/gate.js';
import type { Route } from '../../src/http/route.js';
import { HttpServer } from '../../src/http/server.js';
import { StreamServer } from '../../src/http/stream/stream-server.js';
import type { Caller, Role } from '../../src/kernel/caller.js';
import { GatewayError } from '../../src/kernel/errors.js';
import { parseFqid, parseParticipantId, parseServerName, parseTenantId } from '../../src/kernel/ids.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { systemClock, systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import { tenantContext } from '../../src/kernel/tenant-context.js';
import type { Log, Timers } from '../../src/kernel/ports.js';
import { TENANT_LIMIT_DEFAULTS } from '../../src/kernel/tenant-limits.js';
import { parseStrictJson } from '../../src/protocol/strict-json.js';
import { contract } from './fixtures.js';
import { processRates } from './process-rates.js';
import { silentLog, silentMeter } from './silent-ports.js';

export const A_PERSON = parseParticipantId('11111111-1111-4111-8111-111111111111');

/** A caller of a tenant that exists nowhere but here. */
export function testCaller(change: Partial<Caller> = {}): Caller {
  const ctx = tenantContext({
    tenantId: parseTenantId('22222222-2222-4222-8222-222222222222'),
    slug: 'a',
    name: 'Tenant A',
    scaikeyTenantId: 'tnt_a',
    partnerId: null,
    serverName: parseServerName('a.example'),
    status: 'active',
    limits: TENANT_LIMIT_DEFAULTS,
    features: {},
    epoch: 0,
  });
  return { ctx, homeTenantId: ctx.tenantId, partnerId: null, participantId: A_PERSON, fqid: parseFqid('@ada:a.example'), role: 'member', requestId: 'test', expiresAtMs: null, ...change };
}

/** What a call without a body is read from. */
export function noBody(): BodyStream {
  return { lengthBytes: null, chunks: Readable.from([]), gone: new AbortController().signal, end: () => undefined };
}

/** Tokens are the names of roles; `expired` has expired. */
export const roleTokens: Authenticator = {
  async authenticate(token, requestId) {
    if (token === 'expired') throw new GatewayError('SW_AUTH_EXPIRED_TOKEN', 'test');
    const roles: readonly Role[] = ['member', 'tenant_admin', 'partner_admin', 'super_admin'];
    const role = roles.find((name) => name === token);
    if (role === undefined) throw new GatewayError('SW_AUTH_INVALID_TOKEN', 'test');
    return testCaller({ role, requestId });
  },
};

/** Nobody here has customers. */
export const noCustomers: ActingApi = {
  async actFor(_caller, { tenantId }) {
    throw new GatewayError('SW_TENANT_NOT_FOUND', tenantId);
  },
};

export interface HttpNodeOptions {
  readonly routes: readonly Route[];
  readonly authenticator?: Authenticator;
  readonly acting?: ActingApi;
  readonly stream?: StreamApi;
  readonly timers?: Timers;
  readonly log?: Log;
  readonly transferIdleMs?: number;
  readonly unprovenBytesMax?: number;
  readonly isTrustedProxy?: (address: string) => boolean;
}

export interface HttpNode {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

const silentStream: StreamApi = {
  async *follow() {
    yield* [];
  },
};

/** The HTTP room as a node runs it, on a port of its own, over the handlers given. */
export async function startHttpNode(options: HttpNodeOptions): Promise<HttpNode> {
  const authenticator = options.authenticator ?? roleTokens;
  const timers = options.timers ?? systemTimers;
  const log = options.log ?? silentLog;
  const rates = processRates();
  const ports = { clock: systemClock, randomness: systemRandomness, meter: silentMeter, timers, log };
  const server = new HttpServer({
    ...ports,
    routes: options.routes,
    transferIdleMs: options.transferIdleMs ?? LIMITS.transferIdleMs,
    unprovenBytesMax: options.unprovenBytesMax ?? LIMITS.unprovenBytesMax,
    gate: makeGate({ authenticator, acting: options.acting ?? noCustomers, rates, parseJson: parseStrictJson, contract, checkReplies: true }),
    front: new Front({ ...ports, isTrustedProxy: options.isTrustedProxy ?? (() => true) }),
    upgrades: new StreamServer({ ...ports, authenticator, rates, stream: options.stream ?? silentStream }),
  });
  const { port }: AddressInfo = await server.listen(0, '127.0.0.1');
  return { port, stop: () => server.stop() };
}
