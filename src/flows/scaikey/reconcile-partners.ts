import { LIMITS } from '../../kernel/limits.js';
import type { Clock } from '../../kernel/ports.js';
import { namedPartner, type PartnerId } from '../../kernel/ids.js';
import { systemContext } from '../../kernel/tenant-context.js';
import { partnerFact } from '../../scaikey/facts.js';
import { idOf, type ScaikeyAdmin } from '../../scaikey/scaikey-admin.js';
import type { Store } from '../../store/store.js';
import type { Fleet } from '../tenancy/fleet.js';
import { factTimeUs } from './fact-time.js';
import type { KeepPartner } from './keep-partner.js';
import type { Heard, ScaikeyChange } from './news.js';
import type { Run, Runs } from './run-book.js';

export interface ReconcilePartnersDeps {
  readonly store: Pick<Store, 'read' | 'spanning'>;
  readonly fleet: Pick<Fleet, 'find'>;
  readonly admin: Pick<ScaikeyAdmin, 'page' | 'one'>;
  readonly keepPartner: Pick<KeepPartner, 'run'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

const STEPS = ['partners', 'missing'] as const;
type Step = (typeof STEPS)[number];
type Next = Pick<Run<Step>, 'step' | 'page'> | undefined;

/** The partners of ScaiKey: the listing page by page, then by name those that are kept here and that it does not have. */
export class ReconcilePartners {
  constructor(private readonly deps: ReconcilePartnersDeps) {}

  /** Resolves to true if there is more to do. */
  async run(runs: Runs, signal: AbortSignal, tell: (change: ScaikeyChange) => void): Promise<boolean> {
    let run = await runs.open(STEPS);
    for (let turns = 0; turns < LIMITS.scaikeyPagesPerTurn; turns += 1) {
      if (signal.aborted) return true;
      const changes: ScaikeyChange[] = [];
      const hear = (heard: Heard): void => void (typeof heard !== 'string' && changes.push(...heard));
      const next = await (run.step === 'partners' ? this.#list(run, hear) : this.#missing(run, hear));
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

  async #list({ page, begunAtMs }: Run<Step>, hear: (heard: Heard) => void): Promise<Next> {
    const atUs = factTimeUs(this.deps.clock);
    const listing = await this.deps.admin.page('partners', page);
    // ScaiKey shows partners to its own administrators; to a token that may not see them it is events that tell.
    if (listing === undefined) return undefined;
    for (const record of listing.records) {
      const id = namedPartner(idOf(record));
      if (id !== null) hear(await this.deps.keepPartner.run(partnerFact(id, atUs, record), { mayMake: true, seenAtMs: begunAtMs }));
    }
    if (listing.more && page < LIMITS.scaikeyPagesMax) return { step: 'partners', page: page + 1 };
    // No partner at all is more likely a right that went wrong: none is suspended for it.
    return listing.records.length === 0 && page === 1 ? undefined : { step: 'missing', page: 1 };
  }

  /** Each is asked for by name before it is suspended: a listing that shifts between two pages loses partners. */
  async #missing({ page, begunAtMs }: Run<Step>, hear: (heard: Heard) => void): Promise<Next> {
    const system = systemContext('find-partner');
    const limit = LIMITS.scaikeyConfirmationsPerTurn;
    const kept = await this.deps.store.spanning(system, (all) => all.partners(system, { limit, offset: (page - 1) * limit }));
    for (const { partner_id: id, status } of kept) {
      if (status !== 'active' || !(await this.#isUnseen(id, begunAtMs))) continue;
      const atUs = factTimeUs(this.deps.clock);
      const record = await this.deps.admin.one('partners', id);
      const fact = record === undefined ? { ...partnerFact(id, atUs, {}), standing: 'barred' as const } : partnerFact(id, atUs, record);
      hear(await this.deps.keepPartner.run(fact, { mayMake: false, seenAtMs: begunAtMs }));
    }
    return kept.length === limit ? { step: 'missing', page: page + 1 } : undefined;
  }

  /** A partner of which ScaiKey has never spoken is the platform's own making and none of its concern. */
  async #isUnseen(id: PartnerId, sinceMs: number): Promise<boolean> {
    const keeper = (await this.deps.fleet.find(id))?.keeper;
    if (keeper === undefined) return false;
    return (await this.deps.store.read(keeper, ({ scaikey }) => scaikey.unseen(keeper, 'partner', [id], sinceMs))).length > 0;
  }
}
