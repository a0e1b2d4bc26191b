import type { SystemContext, TenantContext } from '../kernel/tenant-context.js';
import type { Database, TenantScope, Tx } from './database.js';
import { AiRepository } from './repositories/ai.repository.js';
import { AuditRepository } from './repositories/audit.repository.js';
import { BridgeMapRepository } from './repositories/bridge-map.repository.js';
import { BridgeSecretsRepository } from './repositories/bridge-secrets.repository.js';
import { BridgesRepository } from './repositories/bridges.repository.js';
import { ConsumersRepository } from './repositories/consumers.repository.js';
import { DeliveriesRepository } from './repositories/deliveries.repository.js';
import { ErasureClaimsRepository } from './repositories/erasure-claims.repository.js';
import { IntervalsRepository } from './repositories/intervals.repository.js';
import { InvitationsRepository } from './repositories/invitations.repository.js';
import { LanesRepository } from './repositories/lanes.repository.js';
import type { AppendItem, AppendOutcome, JudgedRun } from './repositories/log-items.js';
import { LogRepository } from './repositories/log.repository.js';
import { MediaRepository } from './repositories/media.repository.js';
import { MembersRepository } from './repositories/members.repository.js';
import { ModelParticipantsRepository } from './repositories/model-participants.repository.js';
import { ParticipantsRepository } from './repositories/participants.repository.js';
import { PartnersRepository } from './repositories/partners.repository.js';
import { PeersRepository } from './repositories/peers.repository.js';
import { PlansRepository } from './repositories/plans.repository.js';
import { RejectionsRepository } from './repositories/rejections.repository.js';
import { RelayRepository } from './repositories/relay.repository.js';
import { RoomKeysRepository } from './repositories/room-keys.repository.js';
import { RoomsRepository } from './repositories/rooms.repository.js';
import { ScaikeyRepository } from './repositories/scaikey.repository.js';
import { ScaikeyRunsRepository } from './repositories/scaikey-runs.repository.js';
import { SidekicksRepository } from './repositories/sidekicks.repository.js';
import { SigningKeysRepository } from './repositories/signing-keys.repository.js';
import { SpanningRepository } from './repositories/spanning.repository.js';
import { TenantsRepository } from './repositories/tenants.repository.js';
import { TimelineRepository } from './repositories/timeline.repository.js';
import { UsageRepository } from './repositories/usage.repository.js';

/** Everything a unit of work can reach, bound to its transaction. */
export class Repositories {
  readonly audit: AuditRepository;

  constructor(private readonly tx: Tx) {
    this.audit = new AuditRepository(tx);
  }

  get tenants(): TenantsRepository { return new TenantsRepository(this.tx); }
  get partners(): PartnersRepository { return new PartnersRepository(this.tx); }
  get usage(): UsageRepository { return new UsageRepository(this.tx); }
  get signingKeys(): SigningKeysRepository { return new SigningKeysRepository(this.tx); }
  get participants(): ParticipantsRepository { return new ParticipantsRepository(this.tx); }
  get rooms(): RoomsRepository { return new RoomsRepository(this.tx); }
  get roomKeys(): RoomKeysRepository { return new RoomKeysRepository(this.tx); }
  get members(): MembersRepository { return new MembersRepository(this.tx); }
  get log(): LogRepository { return new LogRepository(this.tx); }
  get erasureClaims(): ErasureClaimsRepository { return new ErasureClaimsRepository(this.tx); }
  get timeline(): TimelineRepository { return new TimelineRepository(this.tx); }
  get invitations(): InvitationsRepository { return new InvitationsRepository(this.tx); }
  get intervals(): IntervalsRepository { return new IntervalsRepository(this.tx); }
  get consumers(): ConsumersRepository { return new ConsumersRepository(this.tx); }
  get lanes(): LanesRepository { return new LanesRepository(this.tx); }
  get peers(): PeersRepository { return new PeersRepository(this.tx); }
  get rejections(): RejectionsRepository { return new RejectionsRepository(this.tx); }
  get bridges(): BridgesRepository { return new BridgesRepository(this.tx); }
  get bridgeSecrets(): BridgeSecretsRepository { return new BridgeSecretsRepository(this.tx); }
  get bridgeMap(): BridgeMapRepository { return new BridgeMapRepository(this.tx); }
  get deliveries(): DeliveriesRepository { return new DeliveriesRepository(this.tx); }
  get plans(): PlansRepository { return new PlansRepository(this.tx); }
  get ai(): AiRepository { return new AiRepository(this.tx); }
  get modelParticipants(): ModelParticipantsRepository { return new ModelParticipantsRepository(this.tx); }
  get media(): MediaRepository { return new MediaRepository(this.tx); }
  get sidekicks(): SidekicksRepository { return new SidekicksRepository(this.tx); }
  get relay(): RelayRepository { return new RelayRepository(this.tx); }
  get scaikey(): ScaikeyRepository { return new ScaikeyRepository(this.tx); }
  get scaikeyRuns(): ScaikeyRunsRepository { return new ScaikeyRunsRepository(this.tx); }
}

/** The unit of work. What must happen outside follows the commit, never joins it. */
export class Store {
  constructor(private readonly database: Pick<Database, 'transact' | 'read' | 'spanning' | 'prepared'>) {}

  /** All of `work` commits, or none of it does. It may run again. */
  transact<T>(scope: TenantScope, work: (repositories: Repositories) => Promise<T>): Promise<T> {
    return this.database.transact(scope, (tx) => done(new Repositories(tx), work));
  }

  read<T>(scope: TenantScope, work: (repositories: Repositories) => Promise<T>): Promise<T> {
    return this.database.read(scope, (tx) => done(new Repositories(tx), work));
  }

  spanning<T>(system: SystemContext, work: (repository: SpanningRepository) => Promise<T>): Promise<T> {
    return this.database.spanning(system, (tx) => work(new SpanningRepository(tx)));
  }

  /** The message path: one statement, its own commit, one round trip. */
  append(ctx: TenantContext, items: readonly AppendItem[], nowMs: number, pendingMax: number): Promise<readonly AppendOutcome[]> {
    return this.#direct(ctx).append(ctx, items, nowMs, pendingMax);
  }

  /** The same for a run of a foreign log that changes nothing but the log. False: it must be looked at more closely. */
  appendRun(ctx: TenantContext, run: JudgedRun): Promise<boolean> {
    return this.#direct(ctx).appendJudgedRun(ctx, run);
  }

  #direct(ctx: TenantContext): LogRepository {
    return new LogRepository({
      rows: () => Promise.reject(new Error('an append is one statement')),
      prepared: (name, text, values) => this.database.prepared(ctx, name, text, values),
    });
  }
}

/** The acts are written last, when the work holds all its other locks. Where nothing can be written they fail it. */
async function done<T>(repositories: Repositories, work: (repositories: Repositories) => Promise<T>): Promise<T> {
  const result = await work(repositories);
  await repositories.audit.flush();
  return result;
}
