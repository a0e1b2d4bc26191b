import { GatewayError } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/events.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { tenantFact, userFact, type UserFact } from '../../scaikey/facts.js';
import { idOf, type ScaikeyAdmin } from '../../scaikey/scaikey-admin.js';
import type { Store } from '../../store/store.js';
import { factTimeUs } from './fact-time.js';
import { isNews, type KeepPerson } from './keep-person.js';
import type { KeepTenant } from './keep-tenant.js';
import { keptApart, type KeptApartDeps } from './kept-apart.js';
import type { Heard, ScaikeyChange } from './news.js';
import type { Run, Runs } from './run-book.js';

export interface ReconcilePeopleDeps extends KeptApartDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly admin: Pick<ScaikeyAdmin, 'page' | 'one'>;
  readonly keepTenant: Pick<KeepTenant, 'run'>;
  readonly keepPerson: Pick<KeepPerson, 'run'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

const STEPS = ['tenant', 'listing', 'missing'] as const;
type Step = (typeof STEPS)[number];
type Next = Pick<Run<Step>, 'step' | 'page'> | undefined;

/** The prefix of ScaiKey's user ids: other subjects are none of its people. */
const USER_PREFIX = 'usr_';

/**
 * One tenant and its people, held against ScaiKey: the tenant itself, the listing of its users page by page, then by name
 * those whom the listing does not have any more.
 */
export class ReconcilePeople {
  constructor(private readonly deps: ReconcilePeopleDeps) {}

  /** Resolves to true if there is more to do. */
  async run(ctx: TenantContext, runs: Runs, signal: AbortSignal, tell: (change: ScaikeyChange) => void): Promise<boolean> {
    let run = await runs.open(STEPS);
    for (let turns = 0; turns < LIMITS.scaikeyPagesPerTurn; turns += 1) {
      if (signal.aborted) return true;
      const changes: ScaikeyChange[] = [];
      const next = await this.#step(ctx, run, (heard) => {
        if (typeof heard !== 'string') changes.push(...heard);
      });
      changes.forEach(tell);
      run = { ...run, changes: run.changes + changes.length };
      if (next === undefined) {
        await runs.close(run);
        return false;
      }
      run = { ...run, ...next };
      await runs.keep(run);
    }
    return true;
  }

  #step(ctx: TenantContext, run: Run<Step>, hear: (heard: Heard) => void): Promise<Next> {
    if (run.step === 'tenant') return this.#tenant(ctx, hear);
    return run.step === 'listing' ? this.#list(ctx, run, hear) : this.#missing(ctx, run, hear);
  }

  /** A tenant that ScaiKey has never spoken of is an operator's own making and none of its concern. */
  async #tenant(ctx: TenantContext, hear: (heard: Heard) => void): Promise<Next> {
    const atUs = factTimeUs(this.deps.clock);
    const record = await this.deps.admin.one('tenants', ctx.scaikeyTenantId);
    if (record !== undefined) hear(await this.#apart(ctx.scaikeyTenantId, this.deps.keepTenant.run(tenantFact(ctx.scaikeyTenantId, atUs, record), false)));
    if (record !== undefined) return { step: 'listing', page: 1 };
    const said = await this.deps.store.read(ctx, ({ scaikey }) => scaikey.find(ctx, 'tenant', [ctx.scaikeyTenantId]));
    if ((said.get(ctx.scaikeyTenantId)?.standing ?? null) === null) return undefined;
    hear(await this.deps.keepTenant.run({ ...tenantFact(ctx.scaikeyTenantId, atUs, {}), standing: 'barred' }, false));
    return undefined;
  }

  async #list(ctx: TenantContext, { page, begunAtMs }: Run<Step>, hear: (heard: Heard) => void): Promise<Next> {
    const atUs = factTimeUs(this.deps.clock);
    const listing = await this.deps.admin.page('users', page, { tenant_id: ctx.scaikeyTenantId });
    if (listing === undefined) throw new GatewayError('SW_SCAIKEY_UNREACHABLE', 'the token may not see users');
    const facts = listing.records.filter((record) => isOf(ctx, record)).map((record) => userFact(idOf(record), atUs, record));
    await this.#keep(ctx, facts, hear);
    await this.deps.store.transact(ctx, ({ scaikey }) => scaikey.saw(ctx, 'user', facts.map(({ subject }) => subject), begunAtMs));
    if (listing.more && page < LIMITS.scaikeyPagesMax) return { step: 'listing', page: page + 1 };
    // A tenant with nobody in it is more likely a filter or a right that went wrong: nobody is barred for it.
    return listing.records.length === 0 && page === 1 ? undefined : { step: 'missing', page: 1 };
  }

  /** Each is asked for by name before they are barred: a listing that shifts between two pages loses people. */
  async #missing(ctx: TenantContext, { begunAtMs, page }: Run<Step>, hear: (heard: Heard) => void): Promise<Next> {
    const subjects = await this.deps.store.read(ctx, ({ scaikey }) => scaikey.unseenPeople(ctx, USER_PREFIX, begunAtMs, LIMITS.scaikeyConfirmationsPerTurn));
    for (const subject of subjects) {
      const atUs = factTimeUs(this.deps.clock);
      const record = await this.deps.admin.one('users', subject);
      const isThere = record !== undefined && isOf(ctx, record);
      hear(await this.#apart(subject, this.deps.keepPerson.run(ctx, isThere ? userFact(subject, atUs, record) : { ...userFact(subject, atUs, {}), standing: 'barred' })));
    }
    if (subjects.length === 0) return undefined;
    await this.deps.store.transact(ctx, ({ scaikey }) => scaikey.saw(ctx, 'user', subjects, begunAtMs));
    return { step: 'missing', page };
  }

  /** Most people are as they were: only those who are not cost a transaction. */
  async #keep(ctx: TenantContext, facts: readonly UserFact[], hear: (heard: Heard) => void): Promise<void> {
    const subjects = facts.map(({ subject }) => subject);
    const [people, said] = await this.deps.store.read(ctx, async ({ participants, scaikey }) => [
      new Map((await participants.findBySubjects(ctx, subjects)).map((person) => [person.scaikey_subject, person])),
      await scaikey.find(ctx, 'user', subjects),
    ]);
    for (const fact of facts) {
      if (isNews(fact, people.get(fact.subject), said.get(fact.subject))) hear(await this.#apart(fact.subject, this.deps.keepPerson.run(ctx, fact)));
    }
  }

  #apart(resource: string, work: Promise<Heard>): Promise<Heard> {
    return keptApart(this.deps, 'people', resource, work);
  }
}

/** Whoever lists people of other tenants, for whatever reason, does not make them ours. */
function isOf(ctx: TenantContext, { tenant_id: tenantId, tenant }: JsonObject): boolean {
  const nested = typeof tenant === 'object' && tenant !== null && 'id' in tenant ? tenant['id'] : undefined;
  return (tenantId ?? nested ?? ctx.scaikeyTenantId) === ctx.scaikeyTenantId;
}
