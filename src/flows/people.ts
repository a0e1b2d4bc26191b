import type { Caller } from '../kernel/caller.js';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { BriefMemory } from '../store/cache/brief-memory.js';
import { fqidOfRow, type ParticipantRow } from '../store/repositories/participants.repository.js';
import type { Store } from '../store/store.js';
import type { TenantDirectory } from '../store/tenant-directory.js';
import type { ProvenToken } from '../verify/proven-token.js';
import type { VerifyUserToken } from '../verify/user-token.js';
import type { Authenticator } from './api/authenticator.js';
import type { MakePerson } from './make-person.js';

export interface PeopleDeps {
  readonly verifyToken: VerifyUserToken;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly makePerson: Pick<MakePerson, 'within'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

interface KnownPerson extends Pick<Caller, 'participantId' | 'fqid'> {
  readonly active: boolean;
  /** The tenant's epoch when they were read: it rises when anybody comes or goes. */
  readonly epoch: number;
}

/** Who is calling: token, then tenant, then person. Nothing else in a request says which tenant is meant. */
export class People implements Authenticator {
  /** Which participant a subject is never changes; whether they may come in is as old as what is known of the tenant. */
  readonly #known: BriefMemory<KnownPerson>;

  constructor(private readonly deps: PeopleDeps) {
    this.#known = new BriefMemory(LIMITS.peopleCachedMax, LIMITS.personCacheMs, deps.clock);
  }

  async authenticate(token: string, requestId: string): Promise<Caller> {
    const proven = await this.deps.verifyToken(token);
    const ctx = await this.#tenant(proven);
    const { participantId, fqid, active } = await this.#person(ctx, proven);
    if (!active) throw new GatewayError('SW_AUTH_DEACTIVATED', proven.subject);
    return { ctx, homeTenantId: ctx.tenantId, participantId, fqid, role: proven.role, partnerId: proven.partnerId, requestId, expiresAtMs: proven.expiresAtMs };
  }

  async #tenant({ tenant }: ProvenToken): Promise<TenantContext> {
    const served = await this.deps.tenants.find(tenant.kind, tenant.value);
    if (served === undefined) throw new GatewayError('SW_TENANT_NOT_FOUND', `${tenant.kind} ${tenant.value}`);
    const { ctx } = served;
    const named = tenant.kind === 'scaikey' ? ctx.scaikeyTenantId : ctx.slug;
    if (named !== tenant.value) throw new GatewayError('SW_AUTH_TENANT_MISMATCH', ctx.slug);
    if (ctx.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', ctx.slug);
    return ctx;
  }

  async #person(ctx: TenantContext, proven: ProvenToken): Promise<KnownPerson> {
    const key = `${ctx.tenantId} ${proven.subject}`;
    const load = async (): Promise<KnownPerson> => {
      const row = (await this.#find(ctx, proven)) ?? (await this.#register(ctx, proven));
      return { participantId: row.participant_id, fqid: fqidOfRow(row), active: row.status === 'active', epoch: ctx.epoch };
    };
    const known = await this.#known.get(key, load);
    if (known !== undefined && known.epoch >= ctx.epoch) return known;
    this.#known.forget(key);
    return (await this.#known.get(key, load)) ?? load();
  }

  async #find(ctx: TenantContext, { subject }: ProvenToken): Promise<ParticipantRow | undefined> {
    return this.deps.store.read(ctx, ({ participants }) => participants.findBySubject(ctx, subject));
  }

  /** First sign-in makes the participant, unless ScaiKey has barred the person before they ever came. */
  async #register(ctx: TenantContext, proven: ProvenToken): Promise<ParticipantRow> {
    return this.deps.store.transact(ctx, async (repositories) => {
      const said = await repositories.scaikey.hold(ctx, 'user', proven.subject);
      if (said.standing === 'barred') throw new GatewayError('SW_AUTH_DEACTIVATED', proven.subject);
      return this.deps.makePerson.within(ctx, repositories, {
        subject: proven.subject,
        username: proven.username ?? undefined,
        email: proven.email ?? undefined,
        displayName: proven.displayName ?? undefined,
        avatarUrl: undefined,
      });
    });
  }
}
