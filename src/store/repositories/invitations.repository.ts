import type { RoomType, SeenHead } from '../../kernel/events.js';
import type { Fqid, InvitationId, LogName, ParticipantId, RoomId, ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

export type InvitationStatus = 'open' | 'accepted' | 'declined' | 'revoked' | 'refused';

/** What the home says of a room to those who are invited. */
export interface InvitationFacts {
  readonly name: string | null;
  readonly topic: string | null;
  readonly type: RoomType;
  readonly member_count: number;
  readonly reason: string | null;
  /** The head that came with it, which our answer to it names. */
  readonly seen: SeenHead;
}

/** An invitation of a local person to a room whose home is elsewhere; there is no room here yet. */
export interface InvitationRow {
  readonly invitation_id: InvitationId;
  readonly participant_id: ParticipantId;
  readonly log_name: LogName;
  readonly home: ServerName;
  readonly inviter: Fqid;
  readonly facts: InvitationFacts;
  readonly status: InvitationStatus;
  /** Code of a refused join. */
  readonly reason: string | null;
  readonly changed_seq: number;
  /** A signed leave on its way to the home, for a declined one. */
  readonly decline_jws: string | null;
  readonly decline_state: string | null;
  readonly created_at: number;
}

/** What a person may still answer or waits for: of a room that is here, or of one whose home is elsewhere. */
export interface OpenInvitationRow {
  /** Null while the room is known here by name only. */
  readonly room_id: RoomId | null;
  readonly log_name: LogName;
  readonly home: ServerName;
  readonly name: string | null;
  readonly topic: string | null;
  readonly room_type: RoomType;
  readonly member_count: number;
  readonly inviter: Fqid;
  readonly reason: string | null;
  readonly state: 'open' | 'joining' | 'refused';
  /** Code of a refused join. */
  readonly code: string | null;
  readonly at: number;
  readonly total: number;
}

const HERE = `
  select r.room_id, r.log_name, r.home, r.name, r.topic, r.room_type,
    (select count(*) from members j where j.tenant_id = r.tenant_id and j.room_id = r.room_id and j.membership = 'join') as member_count,
    coalesce(m.invited_by, r.creator) as inviter, null::text as reason, 'open' as state, null::text as code,
    coalesce((select e.at from entries e where e.tenant_id = m.tenant_id and e.room_id = m.room_id and e.seq = m.changed_seq), r.created_at) as at
  from members m join rooms r on r.tenant_id = m.tenant_id and r.room_id = m.room_id
  where m.tenant_id = $1 and m.participant_id = $2 and m.membership = 'invite' and r.state = 'open' and r.phase in ('hosted', 'mirrored')`;

/** An accepted one is settled as soon as its room is here. */
const ELSEWHERE = `
  select r.room_id, v.log_name, v.home, v.facts ->> 'name', v.facts ->> 'topic', v.facts ->> 'type', (v.facts ->> 'member_count')::bigint,
    v.inviter, v.facts ->> 'reason', case v.status when 'accepted' then 'joining' else v.status end, v.reason, v.created_at
  from invitations v left join rooms r on r.tenant_id = v.tenant_id and r.log_name = v.log_name
  where v.tenant_id = $1 and v.participant_id = $2 and (v.status in ('open', 'refused') or (v.status = 'accepted' and r.phase = 'joining'))`;

export class InvitationsRepository {
  constructor(private readonly tx: Tx) {}

  /** Newer entries about the same person and room replace what is known. */
  async save(ctx: TenantContext, invitation: Omit<InvitationRow, 'reason' | 'decline_jws' | 'decline_state'>): Promise<void> {
    const { invitation_id: id, created_at: createdAt, participant_id: person, log_name: log, ...rest } = invitation;
    const columns = { ...rest, facts: JSON.stringify(rest.facts), reason: null, decline_jws: null, decline_state: null };
    await this.tx.rows(
      q('invitations')
        .insert({ tenant_id: ctx.tenantId, invitation_id: id, participant_id: person, log_name: log, created_at: createdAt, ...columns })
        .onConflict(['tenant_id', 'log_name', 'participant_id'])
        .merge(columns)
        .whereRaw('invitations.changed_seq < excluded.changed_seq'),
    );
  }

  async find(ctx: TenantContext, id: InvitationId): Promise<InvitationRow | undefined> {
    return (await this.tx.rows<InvitationRow>(q('invitations').where({ tenant_id: ctx.tenantId, invitation_id: id }).forNoKeyUpdate()))[0];
  }

  async findFor(ctx: TenantContext, log: LogName, person: ParticipantId): Promise<InvitationRow | undefined> {
    return (await this.tx.rows<InvitationRow>(q('invitations').where({ tenant_id: ctx.tenantId, log_name: log, participant_id: person })))[0];
  }

  /** What a person is invited to, newest first, with the length of the whole list. */
  async list(ctx: TenantContext, person: ParticipantId, page: { readonly limit: number; readonly offset: number }): Promise<readonly OpenInvitationRow[]> {
    return this.tx.prepared<OpenInvitationRow>(
      'invitations_list',
      `select i.*, count(*) over () as total from (${HERE} union all ${ELSEWHERE}) as i order by at desc, log_name limit $3 offset $4`,
      [ctx.tenantId, person, page.limit, page.offset],
    );
  }

  /** The invitation to one room that is here. */
  async here(ctx: TenantContext, person: ParticipantId, roomId: RoomId): Promise<OpenInvitationRow | undefined> {
    const text = `select i.*, 1 as total from (${HERE} and m.room_id = $3) as i`;
    return (await this.tx.prepared<OpenInvitationRow>('invitation_here', text, [ctx.tenantId, person, roomId]))[0];
  }

  /** Names of rooms that are here to which a person is invited, in the order of their ids. */
  async roomsHere(ctx: TenantContext, person: ParticipantId, after: RoomId | null, limit: number): Promise<readonly { readonly room_id: RoomId; readonly log_name: LogName }[]> {
    return this.tx.prepared(
      'invitations_rooms_here',
      `select r.room_id, r.log_name from members m join rooms r on r.tenant_id = m.tenant_id and r.room_id = m.room_id
       where m.tenant_id = $1 and m.participant_id = $2 and m.membership = 'invite' and ($3::text is null or m.room_id > $3)
       order by m.room_id limit $4`,
      [ctx.tenantId, person, after, limit],
    );
  }

  /** How many are kept of a home's making, whatever became of them: an accepted one is kept because of us. */
  async countOfHome(ctx: TenantContext, home: ServerName): Promise<number> {
    const made = q('invitations').where({ tenant_id: ctx.tenantId, home }).whereNot({ status: 'accepted' });
    return Number((await this.tx.rows<{ n: string }>(made.count({ n: '*' })))[0]?.n ?? 0);
  }

  /** Deletes those of a home that ended, oldest first; one whose decline is still on its way stays. Returns how many. */
  async forgetEndedOfHome(ctx: TenantContext, home: ServerName, limit: number): Promise<number> {
    const rows = await this.tx.prepared(
      'invitations_forget_ended_of_home',
      `delete from invitations where tenant_id = $1 and invitation_id in
        (select invitation_id from invitations where tenant_id = $1 and home = $2 and status in ('declined', 'revoked', 'refused')
           and decline_state is distinct from 'pending' order by created_at, invitation_id limit $3) returning 1`,
      [ctx.tenantId, home, limit],
    );
    return rows.length;
  }

  async change(ctx: TenantContext, id: InvitationId, change: Partial<Pick<InvitationRow, 'status' | 'reason' | 'decline_jws' | 'decline_state'>>): Promise<void> {
    await this.tx.rows(q('invitations').where({ tenant_id: ctx.tenantId, invitation_id: id }).update(change));
  }

  /** Deletes ended invitations made before a time, ms since 1970; one whose decline is still on its way stays. Returns how many. */
  async expire(ctx: TenantContext, beforeMs: number, limit: number): Promise<number> {
    const rows = await this.tx.prepared(
      'invitations_expire',
      `delete from invitations where tenant_id = $1 and invitation_id in
        (select invitation_id from invitations where tenant_id = $1 and status in ('declined', 'revoked', 'refused')
           and created_at < $2 and decline_state is distinct from 'pending' limit $3) returning 1`,
      [ctx.tenantId, beforeMs, limit],
    );
    return rows.length;
  }

  /** Signed declines that a home has not answered yet. */
  async declining(ctx: TenantContext, home: ServerName, limit: number): Promise<readonly InvitationRow[]> {
    return this.tx.rows<InvitationRow>(q('invitations').where({ tenant_id: ctx.tenantId, home, decline_state: 'pending' }).orderBy('created_at').limit(limit));
  }
}
