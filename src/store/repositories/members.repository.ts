import type { Membership } from '../../kernel/events.js';
import { BRIDGE_FQID_PREFIX, type Fqid, type ParticipantId, type RoomId, type ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';
import type { ParticipantRow } from './participants.repository.js';
import type { RoomPhase } from './rooms.repository.js';

export interface MembershipChange {
  readonly roomId: RoomId;
  readonly participantId: ParticipantId;
  readonly fqid: Fqid;
  readonly server: ServerName;
  readonly membership: Membership;
  readonly invitedBy: Fqid | null;
  readonly atMs: number;
  readonly seq: number;
}

export type MemberListRow = Pick<ParticipantRow, 'participant_id' | 'local_id' | 'server_name' | 'display_name' | 'participant_type' | 'avatar_url'> & {
  readonly fqid: Fqid;
  readonly membership: Membership;
  readonly power: number;
  readonly joined_at: number | null;
  readonly total: number;
};

const MEMBER_LIST = `
  select m.participant_id, m.fqid, m.membership, m.power, m.joined_at, p.local_id, p.server_name, p.display_name,
    p.participant_type, p.avatar_url, count(*) over () as total
  from members m join participants p on p.tenant_id = m.tenant_id and p.participant_id = m.participant_id
  where m.tenant_id = $1 and m.room_id = $2`;

export class MembersRepository {
  constructor(private readonly tx: Tx) {}

  /** A person who leaves or is banned loses their power; an invitation keeps none. */
  async set(ctx: TenantContext, change: MembershipChange): Promise<void> {
    const joins = change.membership === 'join';
    await this.tx.prepared(
      'member_set',
      `insert into members (tenant_id, room_id, participant_id, fqid, server_name, membership, power, invited_by, joined_at, changed_seq)
       values ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)
       on conflict (tenant_id, room_id, participant_id) do update set
         membership = excluded.membership, invited_by = excluded.invited_by, changed_seq = excluded.changed_seq,
         joined_at = coalesce(excluded.joined_at, members.joined_at),
         power = case when excluded.membership = 'join' and members.membership in ('join', 'invite') then members.power else 0 end`,
      [ctx.tenantId, change.roomId, change.participantId, change.fqid, change.server, change.membership, change.invitedBy, joins ? change.atMs : null, change.seq],
    );
  }

  async setPower(ctx: TenantContext, roomId: RoomId, fqid: Fqid, power: number): Promise<void> {
    await this.tx.rows(q('members').where({ tenant_id: ctx.tenantId, room_id: roomId, fqid }).update({ power }));
  }

  async find(ctx: TenantContext, roomId: RoomId, person: ParticipantId): Promise<{ membership: Membership; power: number } | undefined> {
    const text = 'select membership, power from members where tenant_id = $1 and room_id = $2 and participant_id = $3';
    return (await this.tx.prepared<{ membership: Membership; power: number }>('member_find', text, [ctx.tenantId, roomId, person]))[0];
  }

  async list(ctx: TenantContext, roomId: RoomId, page: { readonly limit: number; readonly offset: number }): Promise<readonly MemberListRow[]> {
    return this.tx.prepared<MemberListRow>(
      'members_list',
      `${MEMBER_LIST} and m.membership in ('join', 'invite') order by m.changed_seq, m.fqid limit $3 offset $4`,
      [ctx.tenantId, roomId, page.limit, page.offset],
    );
  }

  async one(ctx: TenantContext, roomId: RoomId, person: ParticipantId): Promise<MemberListRow | undefined> {
    return (await this.tx.prepared<MemberListRow>('members_one', `${MEMBER_LIST} and m.participant_id = $3`, [ctx.tenantId, roomId, person]))[0];
  }

  /** Joined people of other servers, counted for the policy's cap; bridges among their members are none. */
  async countForeignJoined(ctx: TenantContext, roomId: RoomId): Promise<number> {
    const text = `select count(*) as n from members where tenant_id = $1 and room_id = $2 and membership = 'join' and server_name <> $3 and not starts_with(fqid, $4)`;
    return this.#count('members_count_foreign', text, [ctx.tenantId, roomId, ctx.serverName, BRIDGE_FQID_PREFIX]);
  }

  async countBridgesOf(ctx: TenantContext, roomId: RoomId, server: ServerName): Promise<number> {
    const text = `select count(*) as n from members where tenant_id = $1 and room_id = $2 and server_name = $3 and membership = 'join' and starts_with(fqid, $4)`;
    return this.#count('members_count_bridges', text, [ctx.tenantId, roomId, server, BRIDGE_FQID_PREFIX]);
  }

  async countInvitedBy(ctx: TenantContext, roomId: RoomId, inviter: Fqid): Promise<number> {
    const text = "select count(*) as n from members where tenant_id = $1 and room_id = $2 and membership = 'invite' and invited_by = $3";
    return this.#count('members_count_invited_by', text, [ctx.tenantId, roomId, inviter]);
  }

  async countJoined(ctx: TenantContext, roomId: RoomId): Promise<number> {
    const text = "select count(*) as n from members where tenant_id = $1 and room_id = $2 and membership = 'join'";
    return this.#count('members_count_joined', text, [ctx.tenantId, roomId]);
  }

  async countOfServer(ctx: TenantContext, roomId: RoomId, server: ServerName, memberships: readonly Membership[]): Promise<number> {
    const text = 'select count(*) as n from members where tenant_id = $1 and room_id = $2 and server_name = $3 and membership = any ($4)';
    return this.#count('members_count_of_server', text, [ctx.tenantId, roomId, server, [...memberships]]);
  }

  /** Rooms in which this server has people with these memberships. */
  async roomsOfServer(ctx: TenantContext, server: ServerName, memberships: readonly Membership[]): Promise<readonly { room_id: RoomId; fqid: Fqid; phase: RoomPhase }[]> {
    return this.tx.prepared(
      'members_rooms_of_server',
      `select m.room_id, m.fqid, r.phase from members m join rooms r on r.tenant_id = m.tenant_id and r.room_id = m.room_id
       where m.tenant_id = $1 and m.server_name = $2 and m.membership = any ($3) order by m.room_id, m.fqid`,
      [ctx.tenantId, server, [...memberships]],
    );
  }

  async shareRoom(ctx: TenantContext, person: ParticipantId, server: ServerName): Promise<boolean> {
    const rows = await this.tx.prepared(
      'members_share',
      `select 1 from members a join members b on b.tenant_id = a.tenant_id and b.room_id = a.room_id
       where a.tenant_id = $1 and a.participant_id = $2 and a.membership = 'join' and b.server_name = $3 and b.membership in ('join', 'invite') limit 1`,
      [ctx.tenantId, person, server],
    );
    return rows.length > 0;
  }

  /** Forgets who is inside: a mirror begins again after places that it never had. Own people who wait to join still wait. */
  async forgetInside(ctx: TenantContext, roomId: RoomId, position: number): Promise<void> {
    await this.tx.rows(q('spans').where({ tenant_id: ctx.tenantId, room_id: roomId }).whereNull('until_position').update({ until_position: position }));
    await this.tx.prepared(
      'members_forget_inside',
      `update members set membership = 'leave', power = 0
       where tenant_id = $1 and room_id = $2 and (membership = 'join' or (membership = 'invite' and server_name <> $3))`,
      [ctx.tenantId, roomId, ctx.serverName],
    );
  }

  /** Opens what a local person may read, from a stream position on; again, where they come back to all of it. */
  async openSpan(ctx: TenantContext, roomId: RoomId, person: ParticipantId, since: number): Promise<void> {
    await this.tx.rows(
      q('spans').insert({ tenant_id: ctx.tenantId, participant_id: person, room_id: roomId, since_position: since }).onConflict(['tenant_id', 'participant_id', 'room_id', 'since_position']).merge({ until_position: null }),
    );
  }

  /** Where a local person reads now, and from which stream position on: everywhere, or in one room. */
  async openSpans(ctx: TenantContext, person: ParticipantId, roomId: RoomId | null): Promise<readonly { readonly room_id: RoomId; readonly since_position: number }[]> {
    return this.tx.prepared(
      'spans_open',
      `select room_id, min(since_position) as since_position from spans
       where tenant_id = $1 and participant_id = $2 and until_position is null and ($3::text is null or room_id = $3) group by room_id`,
      [ctx.tenantId, person, roomId],
    );
  }

  /** Closes it with the entry that ended the membership, which the person still sees. */
  async closeSpan(ctx: TenantContext, roomId: RoomId, person: ParticipantId, until: number): Promise<void> {
    await this.tx.rows(
      q('spans').where({ tenant_id: ctx.tenantId, participant_id: person, room_id: roomId }).whereNull('until_position').update({ until_position: until }),
    );
  }

  async #count(name: string, text: string, values: readonly unknown[]): Promise<number> {
    return (await this.tx.prepared<{ n: number }>(name, text, values))[0]?.n ?? 0;
  }
}
