import { actOf } from '../../kernel/audit.js';
import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import type { Clock } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { clean } from '../../rehome/shadows.js';
import type { PartnerFact } from '../../scaikey/facts.js';
import type { PartnerRow, PartnerStatus } from '../../store/repositories/partners.repository.js';
import type { ScaikeyEventMark, ScaikeySaid } from '../../store/repositories/scaikey.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import { addPartnerWithin } from '../tenancy/add-partner.js';
import type { Fleet } from '../tenancy/fleet.js';
import type { KeepingTenant } from './keeping-tenant.js';
import type { Heard, ScaikeyChange } from './news.js';

export interface KeepPartnerDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly fleet: Pick<Fleet, 'find'>;
  readonly keepingTenant: Pick<KeepingTenant, 'find'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface PartnerHearing {
  /** A partner that is not here yet is made, though nothing says in words that it is active. */
  readonly mayMake: boolean;
  /** The event that said it, heard once. */
  readonly mark?: ScaikeyEventMark;
  /** When the listing began that has it. */
  readonly seenAtMs?: number;
}

/** Brings one partner to what ScaiKey says of it; what it said later stands. Its limits are set here, never there. */
export class KeepPartner {
  constructor(private readonly deps: KeepPartnerDeps) {}

  async run(fact: PartnerFact, hearing: PartnerHearing): Promise<Heard> {
    const heard = await outcomeOf(this.#keep(fact, hearing));
    if (!(heard instanceof GatewayError)) return heard;
    // Of two who make it at once one wins, and the other finds it made.
    if (heard.code === 'SW_TENANT_NAME_TAKEN') return this.#keep(fact, hearing);
    throw heard;
  }

  async #keep(fact: PartnerFact, { mayMake, mark, seenAtMs }: PartnerHearing): Promise<Heard> {
    const keeper = (await this.deps.fleet.find(fact.id))?.keeper ?? (await this.deps.keepingTenant.find());
    if (keeper === undefined) return 'ignored';
    return this.deps.store.transact(keeper, async (repositories) => {
      const { scaikey, partners } = repositories;
      if (mark !== undefined && !(await scaikey.noteEvent(keeper, mark))) return 'duplicate';
      const said = await scaikey.hold(keeper, 'partner', fact.id);
      const known = await partners.lock(keeper, fact.id);
      const news = newsOf(fact, said);
      const isMade = known === undefined && isToBeMade(news, said, mayMake);
      if (isMade) await addPartnerWithin(keeper, repositories, { id: fact.id, name: clean(fact.name) ?? fact.id, maxTenants: undefined, nowMs: this.deps.clock.nowMs() }, 'scaikey');
      const isChanged = known !== undefined && (await change(keeper, repositories, known, news, said));
      await scaikey.say(keeper, 'partner', fact.id, isMade ? { standing: 'active', standing_at: fact.atUs, described_at: fact.atUs } : saidBy(news));
      if (seenAtMs !== undefined) await scaikey.saw(keeper, 'partner', [fact.id], seenAtMs);
      const acts = [...(isMade ? ['partner.created' as const] : []), ...(isChanged ? ['partner.changed' as const] : [])];
      return acts.map((act): ScaikeyChange => ({ act, tenant: keeper.slug, resource: fact.id }));
    });
  }
}

/** Of what is said, what is not older than what was said before. */
function newsOf(fact: PartnerFact, said: ScaikeySaid): PartnerFact {
  return {
    ...fact,
    standing: fact.atUs >= said.standing_at ? fact.standing : undefined,
    name: fact.atUs >= said.described_at ? fact.name : undefined,
  };
}

function isToBeMade({ standing }: PartnerFact, said: ScaikeySaid, mayMake: boolean): boolean {
  return standing === 'active' || (standing === undefined && mayMake && said.standing !== 'barred');
}

async function change(keeper: TenantContext, { partners, audit }: Repositories, known: PartnerRow, news: PartnerFact, said: ScaikeySaid): Promise<boolean> {
  const name = clean(news.name) ?? known.name;
  const status = statusAfter(known.status, news, said);
  const changed = { ...(name === known.name ? {} : { name }), ...(status === known.status ? {} : { status }) };
  if (Object.keys(changed).length === 0) return false;
  await partners.change(keeper, news.id, changed);
  await audit.append(keeper, actOf('scaikey', 'partner.changed', news.id, changed));
  return true;
}

/** What ScaiKey bars is suspended. What it admits goes on only if it was ScaiKey that had stopped it. */
function statusAfter(status: PartnerStatus, { standing }: PartnerFact, said: ScaikeySaid): PartnerStatus {
  if (standing === 'barred') return 'suspended';
  return standing === 'active' && said.standing === 'barred' ? 'active' : status;
}

function saidBy({ atUs, standing, name }: PartnerFact): Partial<ScaikeySaid> {
  return { ...(standing === undefined ? {} : { standing, standing_at: atUs }), ...(name === undefined ? {} : { described_at: atUs }) };
}
