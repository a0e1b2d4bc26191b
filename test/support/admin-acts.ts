import type { AuditAct } from '../../src/kernel/audit-acts.js';
import type { JsonObject } from '../../src/kernel/events.js';
import { eventually, type Gateway } from './gateway.js';
import { putRaw, seen, type MediaSeen } from './uploads.js';

export const SECRET_URL = 'http://127.0.0.1:9/a-token-in-the-path?key=a-key-in-the-query';
export const SCAIGRID_KEY = 'sgk_a-key-for-scaigrid';
export const PROMPT = 'words that people wrote';

/** One thing that the administrator of a tenant may do, and what is written of it. */
export interface AdminAct {
  readonly act: AuditAct;
  /** What others do before. */
  readonly prepare?: () => Promise<unknown>;
  readonly run: () => Promise<unknown>;
  readonly target: () => unknown;
  /** `said` is what was written, for what cannot be known before. */
  readonly detail: (said: JsonObject) => JsonObject;
  /** The same again changes nothing, and is no act. */
  readonly isChange?: true;
  /** The rows of a tenant, `$1`, that are others after it; absent where it leaves none but its record. */
  readonly changes?: string;
}

export interface AdminActsParts {
  readonly gateway: Gateway;
  /** Calls a route of a tenant's administrator, by its path below `/v1/admin/`. */
  readonly ask: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /** People of the tenant in which it is done. */
  readonly owner: string;
  readonly member: string;
  /** Of `owner`, with nobody else in it. */
  readonly room: string;
  /** A server with which the tenant federates, one of its people here, and a room of its own of which the tenant has a mirror. */
  readonly peer: string;
  readonly foreign: string;
  readonly mirror: string;
  readonly fingerprint: string;
}

const BRIDGES = 'select bridge_id, state from bridges where tenant_id = $1 order by 1';
const AI = 'select ai, sealed_ai_key is null as keyless, features from tenants where tenant_id = $1';
const MODELS = 'select participant_id, enabled, system_prompt from model_participants where tenant_id = $1 order by 1';

/** Everything that a tenant's administrator may do, in an order in which each step finds what it needs. */
export class AdminActs {
  readonly secrets: string[] = [SECRET_URL, 'a-token-in-the-path', 'a-key-in-the-query', SCAIGRID_KEY, PROMPT];
  bridge = '';
  #delivery = '';
  #model = '';
  #media: MediaSeen | undefined;

  /** The parts are there once the steps are run. */
  constructor(private readonly parts: () => AdminActsParts) {}

  readonly steps: readonly AdminAct[] = [
    { act: 'federation.policy_changed', isChange: true, run: () => this.#ask('PUT', 'federation/policy', { max_foreign_participants_per_room: 77, denied_peers: ['c.example'] }), target: none, detail: () => ({ max_foreign_participants_per_room: { before: 50, after: 77 }, denied_peers: { added: ['c.example'], removed: [] } }), changes: 'select federation_policy from tenants where tenant_id = $1' },
    { act: 'federation.peer_pinned', run: () => this.#ask('POST', `federation/peers/${this.#peer}/pin`, { fingerprint: this.parts().fingerprint }), target: () => this.#peer, detail: () => ({ fingerprint: this.parts().fingerprint }), changes: 'select server_name, trust from peers where tenant_id = $1 order by 1' },
    { act: 'federation.profile_refreshed', run: () => this.#ask('POST', `federation/foreign/${this.parts().foreign}/refresh`), target: () => this.parts().foreign, detail: () => ({ server_name: this.#peer }), changes: 'select participant_id, display_name from participants where tenant_id = $1 order by 1' },
    { act: 'room.federated', isChange: true, run: () => this.#ask('PUT', `rooms/${this.#room}/federate`, { enabled: true }), target: () => this.#room, detail: nothing, changes: 'select room_id, federated from rooms where tenant_id = $1 order by 1' },
    { act: 'room.foreign_invited', run: () => this.#ask('POST', `rooms/${this.#room}/federation/invite`, { fqid: `@bob:${this.#peer}`, reason: PROMPT }), target: () => this.#room, detail: () => ({ fqid: `@bob:${this.#peer}` }), changes: "select room_id, fqid from members where tenant_id = $1 and membership = 'invite' order by 1, 2" },
    { act: 'room.unfederated', isChange: true, run: () => this.#ask('PUT', `rooms/${this.#room}/federate`, { enabled: false }), target: () => this.#room, detail: nothing, changes: 'select room_id, federated from rooms where tenant_id = $1 order by 1' },
    { act: 'room.backfill_asked', run: () => this.#ask('POST', `rooms/${this.parts().mirror}/federation/backfill`, { limit: 5 }), target: () => this.parts().mirror, detail: () => ({ home: this.#peer, limit: 5 }) },
    { act: 'room.frozen_left', prepare: () => this.parts().gateway.database.asOwner("update rooms set frozen = 'SW_FED_CHAIN_FORK' where room_id = $1", [this.parts().mirror]), run: () => this.#ask('POST', `rooms/${this.parts().mirror}/federation/leave`), target: () => this.parts().mirror, detail: () => ({ home: this.#peer, code: 'SW_FED_CHAIN_FORK' }), changes: 'select room_id, phase from rooms where tenant_id = $1 order by 1' },
    { act: 'bridge.created', run: () => this.#makeBridge(), target: () => this.bridge, detail: () => ({ name: 'Made', transport: 'custom', direction: 'both', room_id: this.#room }), changes: BRIDGES },
    { act: 'bridge.paused', isChange: true, run: () => this.#ask('POST', `bridges/${this.bridge}/pause`), target: () => this.bridge, detail: nothing, changes: BRIDGES },
    { act: 'bridge.resumed', run: () => this.#ask('POST', `bridges/${this.bridge}/resume`, { from: 'now' }), target: () => this.bridge, detail: () => ({ from: 'now' }), changes: BRIDGES },
    { act: 'bridge.secret_rotated', run: () => this.#rotate(), target: () => this.bridge, detail: ({ previous_expires_at: until }) => ({ previous_expires_at: until ?? 'no time' }), changes: 'select bridge_id, ordinal from bridge_secrets where tenant_id = $1 order by 1, 2' },
    { act: 'bridge.delivery_replayed', run: () => this.#replay(), target: () => this.bridge, detail: () => ({ delivery_id: this.#delivery }), changes: 'select delivery_id, attempts from deliveries where tenant_id = $1 order by 1' },
    { act: 'bridge.deleted', run: () => this.#ask('DELETE', `bridges/${this.bridge}`), target: () => this.bridge, detail: () => ({ room_id: this.#room }), changes: BRIDGES },
    { act: 'ai.key_set', run: () => this.#ask('PUT', 'ai-config', { scaigrid_api_key: SCAIGRID_KEY }), target: none, detail: nothing, changes: AI },
    { act: 'ai.config_changed', isChange: true, run: () => this.#ask('PUT', 'ai-config', { system_prompt_templates: [{ name: 'one', prompt: PROMPT }] }), target: none, detail: () => ({ system_prompt_templates: { before: 0, after: 1 } }), changes: AI },
    { act: 'ai.participant_created', run: () => this.#makeModel(), target: () => this.#model, detail: () => ({ local_id: 'helper', model: 'maker/model' }), changes: MODELS },
    { act: 'ai.participant_configured', isChange: true, run: () => this.#configureModel(), target: () => this.#mainModel(), detail: () => ({ parts: ['enabled', 'systemPrompt'] }), changes: MODELS },
    { act: 'ai.model_enabled', isChange: true, run: () => this.#ask('POST', 'models/maker/model/enable'), target: () => 'maker/model', detail: nothing, changes: AI },
    { act: 'ai.model_disabled', isChange: true, run: () => this.#ask('POST', 'models/maker/model/disable'), target: () => 'maker/model', detail: () => ({ was_default: false }), changes: AI },
    { act: 'ai.key_removed', isChange: true, run: () => this.#ask('PUT', 'ai-config', { scaigrid_api_key: null }), target: none, detail: nothing, changes: AI },
    { act: 'prompt_studio.changed', isChange: true, run: () => this.#ask('PUT', 'prompt-studio', { enabled: true, allowlist: ['member'] }), target: none, detail: () => ({ enabled: true, allowlist: { added: ['member'], removed: [] } }), changes: AI },
    { act: 'media.deleted', prepare: () => this.#upload(), run: () => this.#ask('DELETE', `media/${this.#media?.media_id}`), target: () => this.#media?.media_id, detail: () => ({ uploaded_by: this.#media?.uploaded_by ?? '', bytes: 4 }), changes: 'select media_id, state from media where tenant_id = $1 order by 1' },
  ];

  get #room(): string {
    return this.parts().room;
  }

  get #peer(): string {
    return this.parts().peer;
  }

  #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.parts().ask<T>(method, path, body);
  }

  async #makeBridge(): Promise<void> {
    const made = await this.#ask<{ bridge_id: string; shared_secret: string }>('POST', 'bridges', { name: 'Made', transport: 'custom', room_id: this.#room, direction: 'both', outbound_webhook: SECRET_URL });
    this.bridge = made.bridge_id;
    this.secrets.push(made.shared_secret);
  }

  async #rotate(): Promise<void> {
    this.secrets.push((await this.#ask<{ shared_secret: string }>('POST', `bridges/${this.bridge}/rotate-secret`, { grace_seconds: 60 })).shared_secret);
  }

  async #replay(): Promise<void> {
    const { gateway, owner } = this.parts();
    await gateway.ask(owner, 'POST', `/v1/rooms/${this.#room}/send`, { content: { msgtype: 'swp.text', body: PROMPT } });
    this.#delivery = await eventually(async () => (await this.#ask<{ id: string }[]>('GET', `bridges/${this.bridge}/deliveries`))[0]?.id);
    await this.#ask('POST', `bridges/${this.bridge}/deliveries/${this.#delivery}/replay`);
  }

  async #makeModel(): Promise<void> {
    this.#model = (await this.#ask<{ id: string }>('POST', 'participants/model', { model_id: 'maker/model', local_id: 'helper', display_name: 'Model', system_prompt: PROMPT })).id;
  }

  async #configureModel(): Promise<void> {
    await this.#ask('PUT', 'models/maker/model/participant', { local_id: 'main', display_name: 'Main' });
    await this.#ask('PUT', 'models/maker/model/participant', { enabled: false, system_prompt: PROMPT });
  }

  async #mainModel(): Promise<unknown> {
    return (await this.parts().gateway.database.asOwner<{ participant_id: string }>('select participant_id from model_participants where is_main'))[0]?.participant_id;
  }

  async #upload(): Promise<void> {
    const { gateway, member } = this.parts();
    this.#media = seen(await putRaw(gateway, member, Buffer.from('four'), '?filename=a.txt', { 'content-type': 'text/plain' }));
  }
}

function nothing(): JsonObject {
  return {};
}

function none(): null {
  return null;
}
