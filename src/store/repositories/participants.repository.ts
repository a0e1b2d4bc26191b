import { BRIDGE_LOCAL_ID_PREFIX, type Fqid, type LocalId, type ParticipantId, type ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export type ParticipantType = 'human' | 'model' | 'agent' | 'helper' | 'bridge' | 'federated';

export type ParticipantStatus = 'active' | 'deactivated';

export interface ParticipantRow {
  readonly participant_id: ParticipantId;
  readonly participant_type: ParticipantType;
  readonly local_id: LocalId;
  readonly server_name: ServerName;
  readonly display_name: string;
  readonly avatar_url: string | null;
  /** The server, or `bridge:<id>`, that this person really lives behind; null = local. */
  readonly foreign_origin: string | null;
  readonly scaikey_subject: string | null;
  /** Whether ScaiKey lets them in. Their places and what they said stay either way. */
  readonly status: ParticipantStatus;
  readonly counted_joins: number;
  readonly created_at: number;
}

export type NewParticipant = Omit<ParticipantRow, 'counted_joins' | 'status'>;

export interface ParticipantFilter {
  readonly text: string | null;
  readonly type: ParticipantType | null;
  readonly status: ParticipantStatus | null;
  readonly includeForeign: boolean;
  readonly limit: number;
  readonly offset: number;
}

export class ParticipantsRepository {
  constructor(private readonly tx: Tx) {}

  /** False if there is such a row, or such a name, already: nothing is changed then. */
  async add(ctx: TenantContext, person: NewParticipant): Promise<boolean> {
    const query = q('participants').insert({ tenant_id: ctx.tenantId, ...person }).onConflict().ignore().returning('participant_id');
    return (await this.tx.rows(query)).length > 0;
  }

  async find(ctx: TenantContext, id: ParticipantId): Promise<ParticipantRow | undefined> {
    const text = 'select * from participants where tenant_id = $1 and participant_id = $2';
    return (await this.tx.prepared<ParticipantRow>('participant_find', text, [ctx.tenantId, id]))[0];
  }

  async findByName(ctx: TenantContext, localId: LocalId, server: ServerName): Promise<ParticipantRow | undefined> {
    return (await this.tx.rows<ParticipantRow>(q('participants').where({ tenant_id: ctx.tenantId, local_id: localId, server_name: server })))[0];
  }

  async findBySubject(ctx: TenantContext, subject: string): Promise<ParticipantRow | undefined> {
    return (await this.tx.rows<ParticipantRow>(q('participants').where({ tenant_id: ctx.tenantId, scaikey_subject: subject })))[0];
  }

  async findBySubjects(ctx: TenantContext, subjects: readonly string[]): Promise<readonly ParticipantRow[]> {
    const text = 'select * from participants where tenant_id = $1 and scaikey_subject = any ($2)';
    return this.tx.prepared<ParticipantRow>('participants_by_subjects', text, [ctx.tenantId, [...subjects]]);
  }

  async setStatus(ctx: TenantContext, id: ParticipantId, status: ParticipantStatus): Promise<void> {
    await this.tx.rows(q('participants').where({ tenant_id: ctx.tenantId, participant_id: id }).update({ status }));
  }

  async describe(ctx: TenantContext, id: ParticipantId, profile: { readonly displayName: string; readonly avatarUrl: string | null }): Promise<void> {
    await this.tx.rows(
      q('participants').where({ tenant_id: ctx.tenantId, participant_id: id }).update({ display_name: profile.displayName, avatar_url: profile.avatarUrl }),
    );
  }

  async list(ctx: TenantContext, filter: ParticipantFilter): Promise<readonly (ParticipantRow & { readonly total: number })[]> {
    return this.tx.prepared(
      'participants_list',
      `select *, count(*) over () as total from participants where tenant_id = $1
         and ($2::text is null or strpos(lower(display_name || ' ' || local_id), lower($2)) > 0)
         and ($3::text is null or participant_type = $3) and ($4 or participant_type <> 'federated')
         and (participant_type <> 'agent' or $3 = 'agent') and ($7::text is null or status = $7)
       order by created_at, participant_id limit $5 offset $6`,
      [ctx.tenantId, filter.text, filter.type, filter.includeForeign, filter.limit, filter.offset, filter.status],
    );
  }

  /** How many really live there; a bridge's own member does not. */
  async countFrom(ctx: TenantContext, origin: string): Promise<number> {
    const text = 'select count(*)::integer as n from participants where tenant_id = $1 and foreign_origin = $2 and not starts_with(local_id, $3)';
    return (await this.tx.prepared<{ n: number }>('participants_count_from', text, [ctx.tenantId, origin, BRIDGE_LOCAL_ID_PREFIX]))[0]?.n ?? 0;
  }

  /** Locks local people in order of id: for those who will lock usage before they come to these people one by one. */
  async lock(ctx: TenantContext, localIds: readonly LocalId[]): Promise<void> {
    const text = 'select 1 from participants where tenant_id = $1 and server_name = $2 and local_id = any ($3) order by participant_id for no key update';
    await this.tx.prepared('participants_lock', text, [ctx.tenantId, ctx.serverName, [...localIds]]);
  }

  /** Locks the person and counts one more counted join; tells how many there were before. Undefined: an agent, who takes no place. */
  async countJoin(ctx: TenantContext, id: ParticipantId, by: 1 | -1): Promise<number | undefined> {
    const rows = await this.tx.prepared<{ counted_joins: number }>(
      'participant_count_join',
      'update participants set counted_joins = greatest(counted_joins + $3, 0) where tenant_id = $1 and participant_id = $2 and participant_type <> \'agent\' returning counted_joins',
      [ctx.tenantId, id, by],
    );
    return rows[0] && rows[0].counted_joins - by;
  }
}

export function fqidOfRow(row: Pick<ParticipantRow, 'local_id' | 'server_name'>): Fqid {
  return `@${row.local_id}:${row.server_name}` as Fqid;
}

/** A shadow of somebody behind a bridge; the bridge's own member is none. */
export function isBehindBridge({ participant_type: type, local_id: localId }: Pick<ParticipantRow, 'participant_type' | 'local_id'>): boolean {
  return type === 'bridge' && !localId.startsWith(BRIDGE_LOCAL_ID_PREFIX);
}
