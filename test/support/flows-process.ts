import { composeCore, composePeople, type Core, type PeopleFlows } from '../../src/app/flows.js';
import { composeAi } from '../../src/app/ai.js';
import { composePeering } from '../../src/app/peering.js';
import { openScaigrid } from '../../src/app/scaigrid.js';
import { openServices, type Services } from '../../src/app/services.js';
import { composeSidekicks, type SidekickFlows } from '../../src/app/sidekicks.js';
import { openStorage, type Basics } from '../../src/app/storage.js';
import { ensureFirstTenant } from '../../src/app/first-tenant.js';
import { loadConfig } from '../../src/config/config.js';
import type { Caller } from '../../src/kernel/caller.js';
import { systemClock, systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import type { TenantContext } from '../../src/kernel/tenant-context.js';
import type { Store } from '../../src/store/store.js';
import { believingTokens } from '../../src/verify/user-token.js';
import type { TestDatabase } from './database.js';
import { contract } from './fixtures.js';
import { silentLog, silentMeter } from './silent-ports.js';
import { MASTER_KEY_FOR_TESTS } from './test-keys.js';

/**
 * What one process of a node does when people ask, without its HTTP and its lanes. Several on one database share nothing
 * but that: each has its own snapshots, queues and memory of tenants.
 */
export class FlowsProcess {
  private constructor(
    readonly store: Store,
    readonly core: Core,
    readonly flows: PeopleFlows,
    readonly sidekicks: SidekickFlows,
    readonly tasks: Services['tasks'],
    private readonly closing: () => Promise<void>,
  ) {}

  static async open(database: TestDatabase, env: Readonly<Record<string, string>> = {}): Promise<FlowsProcess> {
    const config = loadConfig({ SCAIWAVE_DB_URL: database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: 'a.example', ...env });
    const basics: Basics = { clock: systemClock, timers: systemTimers, randomness: systemRandomness, log: silentLog, meter: silentMeter };
    const storage = await openStorage(config, basics);
    const services = await openServices(config, basics);
    const peering = composePeering({ ...basics, config, storage, services, contract, inProcess: { exchange: undefined } });
    const parts = { ...basics, storage, services, peering, contract, verifyToken: believingTokens('first') };
    const core = composeCore(parts);
    await ensureFirstTenant(config, core.tenantMaker);
    const scaigrid = openScaigrid(config, contract, basics);
    const sidekicks = composeSidekicks({ ...parts, core, ai: composeAi({ ...parts, scaigrid }), scaigrid });
    return new FlowsProcess(storage.store, core, composePeople(parts, core), sidekicks, services.tasks, async () => {
      await scaigrid.close();
      await peering.close();
      await services.close();
      await storage.close();
    });
  }

  /** Signs in, which makes the participant. */
  caller(name: string): Promise<Caller> {
    return this.flows.people.authenticate(name === 'admin' ? 'mock:first:admin:tenant_admin' : `mock:first:${name}`, 'test');
  }

  callers(names: readonly string[]): Promise<Caller[]> {
    return Promise.all(names.map((name) => this.caller(name)));
  }

  async group(by: Caller, roomType: 'group' | 'public' = 'public'): Promise<string> {
    const room = await this.flows.rooms.create(by, { roomType, isPublic: roomType === 'public', name: 'A room', topic: null, workspaceId: null, visibility: 'normal', history: 'invite', readRoleSlugs: [] });
    return room.id;
  }

  async tenant(): Promise<TenantContext> {
    return (await this.caller('admin')).ctx;
  }

  close(): Promise<void> {
    return this.closing();
  }
}
