import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.js';
import { loadContract, type Contract } from '../contract/contract.js';
import { LIMITS } from '../kernel/limits.js';
import { systemClock, systemRandomness, systemTimers } from '../kernel/system-ports.js';
import { pinoLog } from '../telemetry/pino-log.js';
import { completeTenantConsumers } from '../lanes/tenant-consumers.js';
import { promMeter, type PromMeter } from '../telemetry/prom-meter.js';
import { composeAi } from './ai.js';
import { composeBridges } from './bridges.js';
import { ensureFirstTenant } from './first-tenant.js';
import { composeCore, composeFederation, composePeople } from './flows.js';
import { composeHttp } from './http.js';
import { composeLanes } from './lanes.js';
import { composeMedia } from './media.js';
import { composePeering, type InProcess } from './peering.js';
import { openScaigrid } from './scaigrid.js';
import { composeScaikey } from './scaikey.js';
import { openServices } from './services.js';
import { composeSidekicks } from './sidekicks.js';
import { openStorage, type Basics } from './storage.js';
import { composeTenancy } from './tenancy.js';
import { openUserTokens } from './user-tokens.js';
import { welcomeLines } from './welcome.js';

export const SPECS = fileURLToPath(new URL('../../specs', import.meta.url));

export function composeBasics(config: Pick<Config, 'logLevel'>): Basics & { readonly meter: PromMeter } {
  const log = pinoLog(config.logLevel);
  return { clock: systemClock, timers: systemTimers, randomness: systemRandomness, log, meter: promMeter(log) };
}

export interface RunningNode {
  /** Where it answers, with the port it really got. */
  readonly url: string;
  /** Lines for the person who started it: server name, where the data is, how to get a token, what to try. */
  readonly welcome: readonly string[];
  /** Refuses new work, finishes what was begun, closes everything. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Holds every reply against its schema before it leaves. */
  readonly checkReplies?: boolean;
  /** The schemas, where they have been compiled in this process before. */
  readonly contract?: Contract;
  /** How long an upload, a download or an export may stand still. */
  readonly transferIdleMs?: number;
}

/** What was opened, to be closed in reverse. */
class Opened {
  readonly #closing: (() => Promise<void>)[] = [];

  add<T extends { close(): Promise<void> }>(part: T): T {
    this.#closing.push(() => part.close());
    return part;
  }

  async close(): Promise<void> {
    for (let close = this.#closing.pop(); close !== undefined; close = this.#closing.pop()) await close();
  }
}

/** Opens what the node stands on, puts its parts together, and answers. */
export async function startNode(config: Config, options: StartOptions = {}): Promise<RunningNode> {
  const opened = new Opened();
  try {
    return await start(config, options, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function start(config: Config, options: StartOptions, opened: Opened): Promise<RunningNode> {
  const basics = composeBasics(config);
  const { checkReplies = false, contract = loadContract(SPECS), transferIdleMs = LIMITS.transferIdleMs } = options;
  const storage = opened.add(await openStorage(config, basics));
  const services = opened.add(await openServices(config, basics));
  const tokens = opened.add(openUserTokens(config, basics));
  const inProcess: InProcess = { exchange: undefined };
  const peering = opened.add(composePeering({ ...basics, config, storage, services, contract, inProcess }));

  const parts = { ...basics, config, storage, services, peering, contract, verifyToken: tokens.verify };
  const core = composeCore(parts);
  const people = composePeople(parts, core);
  const federation = composeFederation(parts, core, people);
  const scaigrid = opened.add(openScaigrid(config, contract, basics));
  const ai = composeAi({ ...parts, scaigrid });
  const scaikey = opened.add(composeScaikey({ ...parts, core }));
  const tenancy = composeTenancy({ ...parts, ai, scaikey }, core);
  const sidekicks = composeSidekicks({ ...parts, core, ai, scaigrid });
  let publicUrl = config.publicUrl ?? '';
  const bridges = opened.add(composeBridges({ ...parts, core, publicUrl: () => publicUrl }));
  const media = composeMedia({ ...parts, tenants: core.tenants, publicUrl: () => publicUrl });
  await ensureFirstTenant(config, core.tenantMaker);
  await completeTenantConsumers(storage.store);

  const worker = composeLanes({ ...parts, bridgeLane: bridges.lane, ai, mediaSweep: media.sweep, syncScaikey: scaikey.duty, ...sidekicks });
  opened.add({ close: async () => worker?.stop() });
  const server = composeHttp({ ...parts, people, federation, tenancy, bridges, sidekicks, ai, media, scaikeyEvents: scaikey.events, inProcess, checkReplies, transferIdleMs });
  const { port } = await server.listen(config.port, config.host);
  opened.add({ close: () => server.stop() });
  worker?.start();
  scaikey.start();

  publicUrl = config.publicUrl ?? `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  const welcome = welcomeLines(config, publicUrl, storage.place, await core.tenantMaker.list());
  return { url: publicUrl, welcome, stop: () => opened.close() };
}
