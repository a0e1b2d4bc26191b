import { codeOf, GatewayError } from '../../kernel/errors.js';
import type { JsonValue } from '../../kernel/events.js';
import { namedPartner } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Meter } from '../../kernel/ports.js';
import { partnerFact, tenantFact, userFact, type Standing } from '../../scaikey/facts.js';
import type { ScaikeyEventMark } from '../../store/repositories/scaikey.repository.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import type { ProvenScaikeyEvent, VerifyScaikeyCall } from '../../verify/scaikey-call.js';
import type { ScaikeyCall, ScaikeyEventsApi, ScaikeyHeardView } from '../api/scaikey.js';
import type { KeepPartner } from './keep-partner.js';
import type { KeepPerson } from './keep-person.js';
import type { KeepTenant } from './keep-tenant.js';
import type { Heard } from './news.js';

export interface ReceiveScaikeyEventDeps {
  readonly verify: Pick<VerifyScaikeyCall, 'verify' | 'requireSecret'>;
  readonly directory: Pick<TenantDirectory, 'find'>;
  readonly keepPartner: Pick<KeepPartner, 'run'>;
  readonly keepTenant: Pick<KeepTenant, 'run'>;
  readonly keepPerson: Pick<KeepPerson, 'run'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly meter: Pick<Meter, 'count'>;
}

/** What an event says about coming in by its name alone; undefined: only its data may say it. */
const STANDING: Readonly<Record<string, Standing | undefined>> = {
  'partner.created': 'active',
  'partner.updated': undefined,
  'partner.deleted': 'barred',
  'tenant.created': 'active',
  'tenant.updated': undefined,
  'tenant.deleted': 'barred',
  'user.created': 'active',
  'user.updated': undefined,
  'user.activated': 'active',
  'user.suspended': 'barred',
  'user.deleted': 'barred',
};

/** One event of ScaiKey: verify, find whom it concerns, bring them to what it says. */
export class ReceiveScaikeyEvent implements ScaikeyEventsApi {
  constructor(private readonly deps: ReceiveScaikeyEventDeps) {}

  screen(): void {
    this.deps.verify.requireSecret();
  }

  async receive(call: ScaikeyCall): Promise<ScaikeyHeardView> {
    try {
      const event = this.deps.verify.verify(call);
      const status = statusOf(await this.#hear(event));
      this.deps.meter.count('scaikey_events_total', { outcome: status });
      return { event_id: event.eventId, status };
    } catch (error) {
      this.deps.meter.count('scaikey_events_total', { outcome: codeOf(error) });
      throw error;
    }
  }

  async #hear(event: ProvenScaikeyEvent): Promise<Heard> {
    const { resource, type, atUs, data, tenantId } = event;
    if (!Object.hasOwn(STANDING, type)) return 'ignored';
    requireOneResource(event);
    // A word about the status that is in the event's name is not taken back by what its data copies.
    const standing = STANDING[type];
    const standingOf = (told: Standing | undefined): Standing | undefined => (standing === 'barred' || type === 'user.activated' ? standing : (told ?? standing));
    if (resource.type === 'partner') {
      const id = namedPartner(resource.id);
      if (id === null) return 'ignored';
      const fact = partnerFact(id, atUs, data);
      return this.deps.keepPartner.run({ ...fact, standing: standingOf(fact.standing) }, { mayMake: type === 'partner.created', mark: this.#mark(event) });
    }
    if (resource.type === 'tenant') {
      const fact = tenantFact(resource.id, atUs, data);
      const partnerId = event.partnerId === null ? fact.partnerId : namedPartner(event.partnerId);
      return this.deps.keepTenant.run({ ...fact, partnerId, standing: standingOf(fact.standing) }, type === 'tenant.created', this.#mark(event));
    }
    const tenant = tenantId === null ? undefined : await this.deps.directory.find('scaikey', tenantId);
    if (tenant === undefined) return 'ignored';
    const fact = userFact(resource.id, atUs, data);
    return this.deps.keepPerson.run(tenant.ctx, { ...fact, standing: standingOf(fact.standing) }, this.#mark(event));
  }

  #mark({ eventId, type }: ProvenScaikeyEvent): ScaikeyEventMark {
    const nowMs = this.deps.clock.nowMs();
    return { eventId, eventType: type, nowMs, expiresAtMs: nowMs + LIMITS.scaikeyEventKeptMs };
  }
}

/** Type, resource, tenant and data must speak of one thing: what they disagree on could be somebody else's. */
function requireOneResource({ type, resource, tenantId, partnerId, data }: ProvenScaikeyEvent): void {
  requireSame(resource.type, type.split('.', 1)[0]);
  requireSame(data['id'], resource.id);
  if (resource.type === 'partner') requireSame(partnerId, resource.id);
  if (resource.type === 'tenant') requireSame(tenantId, resource.id);
  if (resource.type === 'tenant' && partnerId !== null) requireSame(data['partner_id'], partnerId);
  if (resource.type !== 'user') return;
  requireSame(data['tenant_id'], tenantId);
  const { tenant } = data;
  if (typeof tenant === 'object' && tenant !== null && 'id' in tenant) requireSame(tenant['id'], tenantId);
}

/** What was not said contradicts nothing. */
function requireSame(said: JsonValue | undefined, expected: JsonValue | undefined): void {
  if (said === undefined || said === null || said === expected) return;
  const publicDetail = 'The event names two resources.';
  throw new GatewayError('SW_BAD_SCHEMA', publicDetail, { publicDetail });
}

function statusOf(heard: Heard): ScaikeyHeardView['status'] {
  if (typeof heard === 'string') return heard;
  return heard.length > 0 ? 'applied' : 'unchanged';
}
