import { actOf } from '../../kernel/audit.js';
import type { AuditAct } from '../../kernel/audit-acts.js';
import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/events.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { clean } from '../../rehome/shadows.js';
import type { TenantFact } from '../../scaikey/facts.js';
import type { ScaikeyEventMark, ScaikeySaid } from '../../store/repositories/scaikey.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import { currentTenant } from '../current-tenant.js';
import type { FleetPlaces } from '../tenancy/fleet-places.js';
import type { Tenants } from '../tenants.js';
import type { KeepingTenant } from './keeping-tenant.js';
import type { Heard, ScaikeyChange } from './news.js';

const SLUG_CHARS_MAX = 50;

export interface KeepTenantDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly keepingTenant: Pick<KeepingTenant, 'find'>;
  readonly directory: Pick<TenantDirectory, 'find' | 'reload'>;
  readonly tenants: Pick<Tenants, 'create' | 'wakeAll'>;
  readonly fleetPlaces: Pick<FleetPlaces, 'joining'>;
  /** Server names of new tenants are `<slug>.<this>`. */
  readonly serverName: string;
}

/** Brings one tenant to what ScaiKey says of it. Nothing is ever deleted: who is gone there stands still here. */
export class KeepTenant {
  constructor(private readonly deps: KeepTenantDeps) {}

  /** `mayMake`: a tenant that is not here yet is made; otherwise it is none of ours. */
  async run(fact: TenantFact, mayMake: boolean, mark?: ScaikeyEventMark): Promise<Heard> {
    const known = await this.deps.directory.find('scaikey', fact.id);
    if (known !== undefined) return this.#keep(known.ctx, fact, mark);
    if (fact.standing === 'barred') return this.#remember(fact, mark);
    if (!mayMake || (await this.#barredUs(fact)) !== undefined) return 'ignored';
    return this.#make(fact, mark);
  }

  /** What bars a tenant before it came holds when it comes. Until there is a tenant that could keep it, it is lost. */
  async #remember(fact: TenantFact, mark: ScaikeyEventMark | undefined): Promise<Heard> {
    const keeper = await this.deps.keepingTenant.find();
    if (keeper === undefined) return 'ignored';
    // Without an event it is a listing, which says it again and again.
    if (mark === undefined && (await this.#barredUs(fact)) !== undefined) return [];
    const heard = await this.deps.store.transact(keeper, async ({ scaikey }): Promise<Heard> => {
      if (mark !== undefined && !(await scaikey.noteEvent(keeper, mark))) return 'duplicate';
      const said = await scaikey.hold(keeper, 'tenant', fact.id);
      if (fact.atUs >= said.standing_at) await scaikey.say(keeper, 'tenant', fact.id, { standing: 'barred', standing_at: fact.atUs });
      return [];
    });
    // Of who makes it meanwhile and who bars it, whoever looks last finds what the other did.
    const made = await this.deps.directory.find('scaikey', fact.id);
    return made === undefined ? heard : this.#keep(made.ctx, fact, undefined);
  }

  /** When it was barred, unless the fact admits it and is newer. */
  async #barredUs({ id, standing, atUs }: TenantFact): Promise<number | undefined> {
    const keeper = await this.deps.keepingTenant.find();
    const said = keeper && (await this.deps.store.read(keeper, ({ scaikey }) => scaikey.find(keeper, 'tenant', [id]))).get(id);
    const holds = said?.standing === 'barred' && (standing !== 'active' || said.standing_at > atUs);
    return holds ? said.standing_at : undefined;
  }

  async #keep(ctx: TenantContext, fact: TenantFact, mark: ScaikeyEventMark | undefined): Promise<Heard> {
    const apply = (place?: string): Promise<Applied> => this.deps.store.transact(ctx, (repositories) => keep(ctx, repositories, fact, place, mark));
    // Only a tenant that goes over to another partner needs a place there, and that is found out by trying.
    const acts = (await apply()) ?? (fact.partnerId ? await this.deps.fleetPlaces.joining(fact.partnerId, apply) : []);
    if (acts === 'duplicate') return acts;
    if (acts.length > 0) await this.deps.directory.reload(ctx);
    if (acts.some(({ act }) => act === 'tenant.resumed')) await this.deps.tenants.wakeAll(ctx);
    return acts.map(({ act }): ScaikeyChange => ({ act, tenant: ctx.slug, resource: fact.id }));
  }

  /** Of two who make it at once one wins, and the other finds it made. */
  async #make(fact: TenantFact, mark: ScaikeyEventMark | undefined): Promise<Heard> {
    const wished = slugOf(fact);
    for (let attempt = 1; attempt <= LIMITS.slugAttemptsMax; attempt += 1) {
      const made = await outcomeOf(this.#create(fact, attempt === 1 ? wished : `${wished}-${attempt}`, mark));
      if (!(made instanceof GatewayError)) return [{ act: 'tenant.created', tenant: made.slug, resource: fact.id }, ...(await this.#barredMeanwhile(made, fact))];
      if (made.code !== 'SW_TENANT_NAME_TAKEN') throw made;
      const other = await this.deps.directory.find('scaikey', fact.id);
      if (other !== undefined) return this.#keep(other.ctx, fact, mark);
    }
    throw new GatewayError('SW_TENANT_NAME_TAKEN', `no free slug like ${wished}`);
  }

  async #barredMeanwhile(ctx: TenantContext, fact: TenantFact): Promise<readonly ScaikeyChange[]> {
    const atUs = await this.#barredUs(fact);
    const heard = atUs === undefined ? [] : await this.#keep(ctx, { ...fact, name: undefined, partnerId: undefined, standing: 'barred', atUs }, undefined);
    return typeof heard === 'string' ? [] : heard;
  }

  async #create(fact: TenantFact, slug: string, mark: ScaikeyEventMark | undefined): Promise<TenantContext> {
    const request = { slug, name: clean(fact.name) ?? slug, scaikeyTenantId: fact.id, serverName: `${slug}.${this.deps.serverName}`, partnerId: fact.partnerId ?? null };
    return this.deps.tenants.create(request, 'scaikey', async (ctx, { scaikey }) => {
      if (mark !== undefined) await scaikey.noteEvent(ctx, mark);
      await scaikey.hold(ctx, 'tenant', fact.id);
      await scaikey.say(ctx, 'tenant', fact.id, { standing: 'active', standing_at: fact.atUs, described_at: fact.atUs });
    });
  }
}

interface Act {
  readonly act: AuditAct;
  readonly detail: JsonObject;
}

/** undefined: nothing was done, for want of a place in the fleet that it goes over to. */
type Applied = readonly Act[] | 'duplicate' | undefined;

async function keep(ctx: TenantContext, repositories: Repositories, fact: TenantFact, place: string | undefined, mark: ScaikeyEventMark | undefined): Promise<Applied> {
  const { scaikey, tenants, audit } = repositories;
  const said = await scaikey.hold(ctx, 'tenant', fact.id);
  const current = await currentTenant(ctx, repositories);
  const isNewest = fact.atUs >= said.described_at;
  const joins = isNewest && Boolean(fact.partnerId) && fact.partnerId !== current.partnerId;
  if (joins && (place === undefined || !(await tenants.takeName(ctx, 'fleet_place', place)))) return undefined;
  if (mark !== undefined && !(await scaikey.noteEvent(ctx, mark))) {
    if (place !== undefined && joins) await tenants.removeName(ctx, 'fleet_place', place);
    return 'duplicate';
  }
  const described = isNewest ? await describe(current, repositories, fact, place ?? null) : [];
  const stands = fact.atUs >= said.standing_at ? await admit(current, repositories, fact, said) : [];
  await scaikey.say(ctx, 'tenant', fact.id, saidBy(fact, said));
  const acts = [...described, ...stands];
  for (const { act, detail } of acts) await audit.append(ctx, actOf('scaikey', act, null, detail));
  return acts;
}

async function describe(current: TenantContext, { tenants }: Repositories, fact: TenantFact, place: string | null): Promise<readonly Act[]> {
  const name = clean(fact.name) ?? current.name;
  const partnerId = fact.partnerId === undefined ? current.partnerId : fact.partnerId;
  const change = { ...(name === current.name ? {} : { name }), ...(partnerId === current.partnerId ? {} : { partner_id: partnerId }) };
  if (Object.keys(change).length === 0) return [];
  await tenants.describe(current, change);
  if (partnerId !== current.partnerId) await tenants.leavePlaces(current, partnerId === null ? null : place);
  return [{ act: 'tenant.changed', detail: change }];
}

/** What ScaiKey bars stands still. What it admits goes on only if it was ScaiKey that had stopped it. */
async function admit(current: TenantContext, { tenants }: Repositories, { standing }: TenantFact, said: ScaikeySaid): Promise<readonly Act[]> {
  if (standing === 'barred' && current.status === 'active') {
    await tenants.setStatus(current, 'suspended');
    return [{ act: 'tenant.suspended', detail: {} }];
  }
  if (standing === 'active' && said.standing === 'barred' && current.status === 'suspended') {
    await tenants.setStatus(current, 'active');
    return [{ act: 'tenant.resumed', detail: {} }];
  }
  return [];
}

function saidBy({ atUs, standing, name, partnerId }: TenantFact, said: ScaikeySaid): Partial<ScaikeySaid> {
  return {
    ...((name !== undefined || partnerId !== undefined) && atUs >= said.described_at ? { described_at: atUs } : {}),
    ...(standing !== undefined && atUs >= said.standing_at ? { standing, standing_at: atUs } : {}),
  };
}

function slugOf({ slug, name, id }: TenantFact): string {
  const words = [slug, name, id].map((text) => (text ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, SLUG_CHARS_MAX).replace(/^-+|-+$/g, ''));
  return words.find((word) => word !== '') ?? 'tenant';
}
