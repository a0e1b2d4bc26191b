import { actOf } from '../../kernel/audit.js';
import type { AuditAct } from '../../kernel/audit-acts.js';
import type { JsonObject } from '../../kernel/events.js';
import type { ParticipantId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { UserFact } from '../../scaikey/facts.js';
import { clean, webAddress } from '../../rehome/shadows.js';
import type { ParticipantRow } from '../../store/repositories/participants.repository.js';
import type { ScaikeyEventMark, ScaikeySaid } from '../../store/repositories/scaikey.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { MakePerson } from '../make-person.js';
import type { Heard, ScaikeyChange } from './news.js';

export interface KeepPersonDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly makePerson: Pick<MakePerson, 'within'>;
}

/** Brings one person of a tenant to what ScaiKey says of them; what it said later stands. */
export class KeepPerson {
  constructor(private readonly deps: KeepPersonDeps) {}

  /** `mark`: the event that said it, heard once. */
  async run(ctx: TenantContext, fact: UserFact, mark?: ScaikeyEventMark): Promise<Heard> {
    return this.deps.store.transact(ctx, async (repositories) => {
      if (mark !== undefined && !(await repositories.scaikey.noteEvent(ctx, mark))) return 'duplicate';
      const said = await repositories.scaikey.hold(ctx, 'user', fact.subject);
      const news = newsOf(fact, said);
      const acts = await this.#apply(ctx, repositories, news);
      await repositories.scaikey.say(ctx, 'user', fact.subject, saidBy(news));
      for (const { act, target, detail } of acts) await repositories.audit.append(ctx, actOf('scaikey', act, target, { scaikey_id: fact.subject, ...detail }));
      return acts.map(({ act }): ScaikeyChange => ({ act, tenant: ctx.slug, resource: fact.subject }));
    });
  }

  async #apply(ctx: TenantContext, repositories: Repositories, news: UserFact): Promise<readonly Act[]> {
    const known = await repositories.participants.findBySubject(ctx, news.subject);
    if (known === undefined) return this.#make(ctx, repositories, news);
    const described = await describe(ctx, repositories, known, news);
    const stands = await admit(ctx, repositories, known, news);
    return [...described, ...stands];
  }

  /** Who was barred before they ever came gets no name here; that they are barred is remembered. */
  async #make(ctx: TenantContext, repositories: Repositories, { subject, standing, profile }: UserFact): Promise<readonly Act[]> {
    if (standing !== 'active') return [];
    const { participant_id: target } = await this.deps.makePerson.within(ctx, repositories, { subject, ...profile });
    return [{ act: 'participant.created', target }];
  }
}

interface Act {
  readonly act: AuditAct;
  readonly target: ParticipantId;
  readonly detail?: JsonObject;
}

/** Whether it is worth a transaction: something here differs from it, or was never said. */
export function isNews({ standing, profile }: UserFact, known: ParticipantRow | undefined, said: ScaikeySaid | undefined): boolean {
  if (standing !== undefined && standing !== said?.standing) return true;
  if (known === undefined) return standing === 'active';
  const isBarred = known.status !== 'active';
  const { displayName, avatarUrl } = afterwards(known, profile);
  return (standing !== undefined && isBarred !== (standing === 'barred')) || displayName !== known.display_name || avatarUrl !== known.avatar_url;
}

const NOTHING = { displayName: undefined, avatarUrl: undefined, username: undefined, email: undefined };

/** Of what is said, what is not older than what was said before. */
function newsOf(fact: UserFact, said: ScaikeySaid): UserFact {
  return {
    ...fact,
    standing: fact.atUs >= said.standing_at ? fact.standing : undefined,
    profile: fact.atUs >= said.described_at ? fact.profile : NOTHING,
  };
}

function saidBy({ atUs, standing, profile }: UserFact): Partial<ScaikeySaid> {
  const isDescribed = profile.displayName !== undefined || profile.avatarUrl !== undefined;
  return { ...(standing === undefined ? {} : { standing, standing_at: atUs }), ...(isDescribed ? { described_at: atUs } : {}) };
}

function afterwards(known: ParticipantRow, profile: UserFact['profile']): { readonly displayName: string; readonly avatarUrl: string | null } {
  return {
    displayName: clean(profile.displayName) ?? known.display_name,
    avatarUrl: profile.avatarUrl === undefined ? known.avatar_url : webAddress(profile.avatarUrl),
  };
}

async function describe(ctx: TenantContext, { participants }: Repositories, known: ParticipantRow, { profile }: UserFact): Promise<readonly Act[]> {
  const { displayName, avatarUrl } = afterwards(known, profile);
  if (displayName === known.display_name && avatarUrl === known.avatar_url) return [];
  await participants.describe(ctx, known.participant_id, { displayName, avatarUrl });
  const detail = { parts: [...(displayName === known.display_name ? [] : ['display_name']), ...(avatarUrl === known.avatar_url ? [] : ['avatar_url'])] };
  return [{ act: 'participant.changed', target: known.participant_id, detail }];
}

/** The epoch tells every process that somebody may no longer, or again, come in. */
async function admit(ctx: TenantContext, { participants, tenants }: Repositories, known: ParticipantRow, { standing }: UserFact): Promise<readonly Act[]> {
  if (standing === undefined) return [];
  const status = standing === 'active' ? 'active' : 'deactivated';
  if (status === known.status) return [];
  await participants.setStatus(ctx, known.participant_id, status);
  await tenants.raiseEpoch(ctx);
  return [{ act: status === 'active' ? 'participant.restored' : 'participant.deactivated', target: known.participant_id }];
}
