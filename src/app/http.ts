import type { Config } from '../config/config.js';
import type { Contract } from '../contract/contract.js';
import { AuthConfig } from '../flows/auth-config.js';
import type { ScaikeyEventsApi } from '../flows/api/scaikey.js';
import { Ops } from '../flows/ops.js';
import { Front } from '../http/front.js';
import { makeGate } from '../http/gate.js';
import { answerInProcess } from '../http/in-process.js';
import { opsRoutes } from '../http/routes/ops.js';
import { servedRoutes } from '../http/routes/table.js';
import { HttpServer, NO_UPGRADES } from '../http/server.js';
import { StreamServer } from '../http/stream/stream-server.js';
import { LIMITS } from '../kernel/limits.js';
import { systemContext } from '../kernel/tenant-context.js';
import { parseStrictJson } from '../protocol/strict-json.js';
import type { PromMeter } from '../telemetry/prom-meter.js';
import type { Ai } from './ai.js';
import type { Bridges } from './bridges.js';
import type { FederationFlows, PeopleFlows } from './flows.js';
import type { MediaFlows } from './media.js';
import type { TenancyFlows } from './tenancy.js';
import type { InProcess } from './peering.js';
import type { Services } from './services.js';
import type { SidekickFlows } from './sidekicks.js';
import type { Basics, Storage } from './storage.js';
import { trustedProxies } from './trusted-proxies.js';

export const VERSION = '0.1.0';

export interface HttpParts extends Basics {
  readonly meter: PromMeter;
  readonly config: Config;
  readonly storage: Pick<Storage, 'store'>;
  readonly contract: Contract;
  readonly people: PeopleFlows;
  readonly federation: FederationFlows;
  readonly tenancy: TenancyFlows;
  readonly bridges: Bridges;
  readonly ai: Ai;
  readonly media: MediaFlows;
  readonly scaikeyEvents: ScaikeyEventsApi;
  readonly services: Pick<Services, 'rates'>;
  readonly sidekicks: SidekickFlows;
  readonly inProcess: InProcess;
  /** Holds every reply against its schema before it leaves. */
  readonly checkReplies: boolean;
  readonly transferIdleMs: number;
}

/** What answers: all routes for the role `api`, else only what operators' machinery asks. */
export function composeHttp(parts: HttpParts): HttpServer {
  const { config, storage, contract, people, federation, tenancy, bridges, sidekicks, ai, media: { media }, inProcess, checkReplies, log, meter } = parts;
  const { rates } = parts.services;
  const system = systemContext('ready');
  const ops = new Ops(VERSION, { database: () => storage.store.spanning(system, (all) => all.dirtyTenants(system, null, 1)) }, () => meter.text());
  const auth = new AuthConfig(config.scaikeyUrl, config.publicUrl ?? null);
  const all = servedRoutes({ ...people, ...federation, ...tenancy, ...sidekicks, bridgeInbound: bridges.inbound, bridgesAdmin: bridges.admin, scaikeyEvents: parts.scaikeyEvents, aiConfig: ai.config, aiModels: ai.models, promptStudio: ai.promptStudio, media, auth, ops });
  const serves = config.roles.includes('api');
  const routes = serves ? all : opsRoutes(ops);
  const gate = makeGate({ authenticator: people.people, acting: tenancy.acting, rates, parseJson: parseStrictJson, contract, checkReplies });
  const front = new Front({ ...parts, isTrustedProxy: trustedProxies(config.trustedProxies) });
  // A worker that answers nobody outside still carries rooms between tenants of this node.
  inProcess.exchange = (request) => answerInProcess({ routes: all, gate, log, newRequestId: () => front.newRequestId() }, request);
  const upgrades = !serves ? NO_UPGRADES : new StreamServer({ ...parts, authenticator: people.people, rates, stream: people.stream });
  return new HttpServer({ ...parts, unprovenBytesMax: LIMITS.unprovenBytesMax, routes, gate, front, upgrades });
}
