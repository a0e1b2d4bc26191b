import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { BridgeId, DeliveryId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Randomness, Wake } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { bridgeConsumerId } from '../../lanes/bridge-work.js';
import { bridgeSecretOf } from '../../protocol/bridge-signature.js';
import type { BridgeSafe } from '../../store/bridge-safe.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { DeliveryRow } from '../../store/repositories/deliveries.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { BridgeDirectory } from '../../verify/bridge-directory.js';
import type { SecretUses } from '../../verify/secret-uses.js';
import type { BridgeDetailView, BridgesAdminApi, BridgeView, DeliveryFilter, DeliveryView, NewBridge, NewBridgeView, RotatedSecretView } from '../api/bridges-admin.js';
import type { Page, PageRequest } from '../api/page.js';
import { iso } from '../event-view.js';
import { bridgeView, deliveryView, type BridgeFacts } from './bridge-view.js';
import type { CloseBridge } from './close-bridge.js';
import { countWaiting } from './count-waiting.js';
import type { OpenBridge } from './open-bridge.js';

const SECRET_BYTES = 32;

export interface BridgesAdminDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly openBridge: Pick<OpenBridge, 'run'>;
  readonly closeBridge: Pick<CloseBridge, 'remove'>;
  readonly directory: Pick<BridgeDirectory, 'forget'>;
  readonly safe: Pick<BridgeSafe, 'seal'>;
  readonly uses: Pick<SecretUses, 'flush'>;
  readonly wake: Pick<Wake, 'hint'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'bytes'>;
  /** Where callers reach this node. */
  readonly publicUrl: () => string;
}

/** What administrators do with the bridges of their tenant. */
export class BridgesAdmin implements BridgesAdminApi {
  constructor(private readonly deps: BridgesAdminDeps) {}

  async list({ ctx }: Caller, page: PageRequest): Promise<Page<BridgeView>> {
    await this.deps.uses.flush();
    return this.deps.store.read(ctx, async (repositories) => {
      const rows = await repositories.bridges.list(ctx, page.limit, page.offset);
      const items: BridgeView[] = [];
      for (const row of rows) items.push(this.#view(await factsOf(ctx, repositories, row)));
      return { items, total: rows[0]?.total ?? 0 };
    });
  }

  async create(caller: Caller, wanted: NewBridge): Promise<NewBridgeView> {
    const { bridgeId, secret } = await this.deps.openBridge.run(caller, wanted);
    const facts = await this.#read(caller.ctx, bridgeId, factsOf);
    return { ...this.#view(facts), bridge_id: bridgeId, shared_secret: secret };
  }

  async get({ ctx }: Caller, id: BridgeId): Promise<BridgeDetailView> {
    await this.deps.uses.flush();
    return this.#one(ctx, id);
  }

  async remove(caller: Caller, id: BridgeId): Promise<void> {
    await this.deps.closeBridge.remove(caller, id);
  }

  async pause(caller: Caller, id: BridgeId): Promise<BridgeDetailView> {
    const { ctx } = caller;
    await this.#change(ctx, id, async ({ bridges, audit }, { state, paused_reason }) => {
      if (state === 'paused' && paused_reason === null) return;
      await audit.append(ctx, actBy(caller, 'bridge.paused', id));
      await bridges.change(ctx, id, { state: 'paused', paused_reason: null });
    });
    return this.#one(ctx, id);
  }

  /** It begins anew: what failed before does not count, and what waited is tried at once. */
  async resume(caller: Caller, id: BridgeId, from: 'here' | 'now'): Promise<BridgeDetailView> {
    const { ctx } = caller;
    await this.#change(ctx, id, async ({ bridges, rooms, lanes, deliveries, consumers, audit }, bridge) => {
      await audit.append(ctx, actBy(caller, 'bridge.resumed', id, { from }));
      const nowMs = this.deps.clock.nowMs();
      await consumers.restart(ctx, bridgeConsumerId(id));
      await bridges.change(ctx, id, { state: 'active', paused_reason: null });
      if (from === 'now') {
        const room = await rooms.find(ctx, bridge.room_id);
        await lanes.change(ctx, bridge.room_id, bridgeConsumerId(id), { cursor: room?.head_seq ?? 0 });
        await deliveries.parkAll(ctx, id, 'left out at resume', nowMs, nowMs + LIMITS.deliveryKeptMs);
      }
      await deliveries.hasten(ctx, id, nowMs);
    });
    const view = await this.#one(ctx, id);
    this.deps.wake.hint({ kind: 'due', tenantId: ctx.tenantId });
    return view;
  }

  async rotateSecret(caller: Caller, id: BridgeId, graceMs: number): Promise<RotatedSecretView> {
    const { ctx } = caller;
    if (graceMs < 0 || graceMs > LIMITS.bridgeGraceMaxMs) throw new GatewayError('SW_BAD_REQUEST', `grace of ${graceMs} ms`);
    const secret = bridgeSecretOf(this.deps.randomness.bytes(SECRET_BYTES));
    const nowMs = this.deps.clock.nowMs();
    const expiresAtMs = nowMs + graceMs;
    await this.#change(ctx, id, async ({ bridgeSecrets, audit }) => {
      await audit.append(ctx, actBy(caller, 'bridge.secret_rotated', id, { previous_expires_at: iso(expiresAtMs) }));
      const ordinal = ((await bridgeSecrets.list(ctx, [id]))[0]?.ordinal ?? 0) + 1;
      await bridgeSecrets.retire(ctx, id, expiresAtMs, nowMs);
      await bridgeSecrets.add(ctx, { bridge_id: id, ordinal, sealed_secret: this.deps.safe.seal(ctx, id, ordinal, secret), created_at: nowMs });
    });
    return { bridge_id: id, shared_secret: secret, expires_at: iso(expiresAtMs) };
  }

  async deliveries({ ctx }: Caller, id: BridgeId, filter: DeliveryFilter): Promise<Page<DeliveryView>> {
    const rows = await this.deps.store.read(ctx, async ({ bridges, deliveries }) => {
      if ((await bridges.find(ctx, id)) === undefined) throw new GatewayError('SW_BRIDGE_NOT_FOUND', id);
      return deliveries.list(ctx, id, filter);
    });
    return { items: rows.map(deliveryView), total: rows[0]?.total ?? 0 };
  }

  async replay(caller: Caller, id: BridgeId, deliveryId: DeliveryId): Promise<DeliveryView> {
    const { ctx } = caller;
    const row = await this.deps.store.transact(ctx, async (repositories) => {
      const { bridges, deliveries, consumers } = repositories;
      if ((await bridges.lock(ctx, id)) === undefined) throw new GatewayError('SW_BRIDGE_NOT_FOUND', id);
      await requireReplayable(ctx, repositories, await deliveries.find(ctx, id, deliveryId));
      await deliveries.replay(ctx, id, deliveryId, this.deps.clock.nowMs());
      await consumers.hasten(ctx, bridgeConsumerId(id));
      await repositories.audit.append(ctx, actBy(caller, 'bridge.delivery_replayed', id, { delivery_id: deliveryId }));
      return deliveries.find(ctx, id, deliveryId);
    });
    this.deps.wake.hint({ kind: 'due', tenantId: ctx.tenantId });
    if (row === undefined) throw new GatewayError('SW_DELIVERY_NOT_FOUND', deliveryId);
    return deliveryView(row);
  }

  /** One change of a bridge that has not ended; whoever remembers the bridge hears of it. */
  async #change(ctx: TenantContext, id: BridgeId, work: (repositories: Repositories, bridge: BridgeRow) => Promise<void>): Promise<void> {
    await this.deps.store.transact(ctx, async (repositories) => {
      const bridge = await repositories.bridges.lock(ctx, id);
      if (bridge === undefined) throw new GatewayError('SW_BRIDGE_NOT_FOUND', id);
      if (bridge.state === 'ended') throw new GatewayError('SW_BRIDGE_NOT_FOUND', id, { publicDetail: 'It has ended.' });
      await work(repositories, bridge);
    });
    this.deps.directory.forget(id);
  }

  async #one(ctx: TenantContext, id: BridgeId): Promise<BridgeDetailView> {
    const { facts, waiting } = await this.#read(ctx, id, detailOf);
    return { ...this.#view(facts), waiting };
  }

  async #read<T>(ctx: TenantContext, id: BridgeId, what: (ctx: TenantContext, repositories: Repositories, bridge: BridgeRow) => Promise<T>): Promise<T> {
    return this.deps.store.read(ctx, async (repositories) => {
      const bridge = await repositories.bridges.find(ctx, id);
      if (bridge === undefined) throw new GatewayError('SW_BRIDGE_NOT_FOUND', id);
      return what(ctx, repositories, bridge);
    });
  }

  #view(facts: BridgeFacts): BridgeView {
    return bridgeView(facts, this.deps.publicUrl());
  }
}

async function factsOf(ctx: TenantContext, { bridgeSecrets, consumers }: Repositories, bridge: BridgeRow): Promise<BridgeFacts> {
  const secrets = await bridgeSecrets.list(ctx, [bridge.bridge_id]);
  return { bridge, secrets, consumer: await consumers.find(ctx, bridgeConsumerId(bridge.bridge_id)) };
}

async function detailOf(ctx: TenantContext, repositories: Repositories, bridge: BridgeRow): Promise<{ readonly facts: BridgeFacts; readonly waiting: number }> {
  return { facts: await factsOf(ctx, repositories, bridge), waiting: await countWaiting(ctx, repositories, bridge) };
}

/** What was erased is never sent again, and what a home refused was never ours to send. */
async function requireReplayable(ctx: TenantContext, { log }: Repositories, row: DeliveryRow | undefined): Promise<void> {
  if (row === undefined) throw new GatewayError('SW_DELIVERY_NOT_FOUND', 'replay');
  if (row.direction === 'in') throw new GatewayError('SW_BAD_REQUEST', 'replay of an inbound row', { publicDetail: "The room's home refused it." });
  const [entry] = await log.findMany(ctx, [row.event_id]);
  if (entry === undefined || entry.redacted_by !== null) throw new GatewayError('SW_EVENT_NOT_FOUND', row.event_id);
}
