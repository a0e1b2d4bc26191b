import type { Caller } from '../../kernel/caller.js';
import type { JsonObject } from '../../kernel/events.js';
import type { BridgeId, DeliveryId, RoomId } from '../../kernel/ids.js';
import type { Page, PageRequest } from './page.js';

export type BridgeDirection = 'in' | 'out' | 'both';

/** When a secret was made, how often it has signed or verified, and when it stops; never the secret. */
export interface BridgeSecretView {
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly use_count: number;
}

export interface BridgeView {
  readonly id: string;
  readonly name: string;
  readonly transport: string;
  readonly direction: BridgeDirection;
  readonly room_id: string;
  readonly state: 'active' | 'paused' | 'ended';
  /** Why it was paused, when the node did it. */
  readonly paused_reason: string | null;
  readonly outbound_webhook: string | null;
  readonly inbound_url: string;
  readonly secrets: readonly BridgeSecretView[];
  readonly last_error: string | null;
  readonly last_ok_at: string | null;
  readonly created_at: string;
}

export interface BridgeDetailView extends BridgeView {
  /** What it would tell if it went on from where it stands, as far as that was counted. */
  readonly waiting: number;
}

/** The only two answers that ever hold a secret: creation, and rotation. */
export interface NewBridgeView extends BridgeView {
  readonly bridge_id: string;
  readonly shared_secret: string;
}

export interface RotatedSecretView {
  readonly bridge_id: string;
  readonly shared_secret: string;
  /** When the secret before it stops being accepted. */
  readonly expires_at: string;
}

export interface NewBridge {
  readonly transport: string;
  readonly direction: BridgeDirection;
  readonly roomId: RoomId;
  readonly name: string;
  readonly outboundWebhook: string | null;
  /** What else the transport asks for, as it was given. */
  readonly settings: JsonObject;
}

/** All but the time is null while nobody knows what came of it. */
export interface DeliveryTryView {
  readonly at: string;
  readonly status: number | null;
  readonly error: string | null;
  readonly duration_ms: number | null;
}

export interface DeliveryView {
  readonly id: string;
  readonly event_id: string;
  readonly state: 'delivered' | 'waiting' | 'parked';
  readonly attempts: number;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly last_duration_ms: number | null;
  /** The last ones, the newest at the end. */
  readonly tries: readonly DeliveryTryView[];
  /** The beginning of the last one, as text. */
  readonly answer: string | null;
  readonly maybe_twice: boolean;
  readonly next_attempt_at: string | null;
  readonly external_id: string | null;
  readonly updated_at: string;
}

export interface DeliveryFilter extends PageRequest {
  readonly state: DeliveryView['state'] | null;
}

export interface BridgesAdminApi {
  list(caller: Caller, page: PageRequest): Promise<Page<BridgeView>>;
  create(caller: Caller, bridge: NewBridge): Promise<NewBridgeView>;
  get(caller: Caller, bridge: BridgeId): Promise<BridgeDetailView>;
  remove(caller: Caller, bridge: BridgeId): Promise<void>;
  pause(caller: Caller, bridge: BridgeId): Promise<BridgeDetailView>;
  /** `here` sends what happened meanwhile; `now` leaves it out. */
  resume(caller: Caller, bridge: BridgeId, from: 'here' | 'now'): Promise<BridgeDetailView>;
  rotateSecret(caller: Caller, bridge: BridgeId, graceMs: number): Promise<RotatedSecretView>;
  deliveries(caller: Caller, bridge: BridgeId, filter: DeliveryFilter): Promise<Page<DeliveryView>>;
  replay(caller: Caller, bridge: BridgeId, delivery: DeliveryId): Promise<DeliveryView>;
}
