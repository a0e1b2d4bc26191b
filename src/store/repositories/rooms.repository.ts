import type { MemberStanding, RoomStanding } from '../../kernel/authority.js';
import type { Membership, RoomState, RoomType } from '../../kernel/events.js';
import type { Fqid, LogName, ParticipantId, RoomId, ServerName } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';
import { q } from '../queries.js';

/** hosted: we are the home. joining: a join waits for the home. mirrored: we hold a copy. left, refused: no longer. */
export type RoomPhase = 'hosted' | 'joining' | 'mirrored' | 'left' | 'refused';
export type Visibility = 'private' | 'public' | 'restricted';
export type HistoryRule = 'invite' | 'beginning';

export interface RoomRow {
  readonly room_id: RoomId;
  readonly log_name: LogName;
  readonly home: ServerName;
  readonly phase: RoomPhase;
  readonly room_type: RoomType;
  readonly visibility: Visibility;
  readonly history: HistoryRule;
  readonly name: string | null;
  readonly topic: string | null;
  readonly creator: Fqid;
  readonly federated: boolean;
  readonly state: RoomState;
  readonly dm_key: string | null;
  /** Why the log of a mirror is no longer taken, or null. */
  readonly frozen: string | null;
  /** The home's signed head or start that contradicts ours. */
  readonly frozen_proof: string | null;
  /** Our receipt that it contradicts. */
  readonly frozen_own_proof: string | null;
  readonly epoch: number;
  readonly start_seq: number;
  readonly head_seq: number;
  readonly head_at: number;
  readonly head_hash: Buffer;
  readonly created_at: number;
}

export interface RoomMember extends MemberStanding {
  readonly participantId: ParticipantId;
  readonly fqid: Fqid;
  readonly server: ServerName;
  /** The entry that made the membership what it is. */
  readonly changedSeq: number;
}

/** A room and its people at one epoch: immutable, and never older than its epoch says. */
export interface RoomSnapshot {
  readonly room: RoomRow;
  readonly standing: RoomStanding;
  readonly members: ReadonlyMap<Fqid, RoomMember>;
}

export type NewRoom = Omit<RoomRow, 'epoch' | 'head_at' | 'frozen' | 'frozen_proof' | 'frozen_own_proof' | 'state' | 'federated'> & {
  readonly federated?: boolean;
};

export type RoomChange = Partial<
  Pick<RoomRow, 'name' | 'topic' | 'federated' | 'state' | 'phase' | 'frozen' | 'frozen_proof' | 'frozen_own_proof' | 'start_seq' | 'head_seq' | 'head_at' | 'head_hash' | 'room_type' | 'creator' | 'history' | 'visibility'>
>;

interface MemberRow {
  readonly participant_id: ParticipantId;
  readonly fqid: Fqid;
  readonly server_name: ServerName;
  readonly membership: Membership;
  readonly power: number;
  readonly invited_by: Fqid | null;
  readonly changed_seq: number;
}

export interface RoomListFilter {
  readonly reader: ParticipantId;
  /** joined: open and closed rooms the reader is in. archived: those archived. directory: public ones and those. */
  readonly scope: 'joined' | 'archived' | 'directory' | 'one';
  readonly text?: string | null;
  readonly type?: RoomType | null;
  readonly roomId?: RoomId;
  readonly limit: number;
  readonly offset: number;
}

export interface RoomListRow extends RoomRow {
  readonly membership: Membership | null;
  readonly member_count: number;
  readonly creator_id: ParticipantId | null;
  readonly total: number;
}

const SCOPES: Readonly<Record<RoomListFilter['scope'], string>> = {
  joined: "m.membership = 'join' and r.state <> 'archived'",
  archived: "m.membership = 'join' and r.state = 'archived'",
  directory: "(m.membership = 'join' or (r.visibility = 'public' and r.state = 'open' and r.phase in ('hosted', 'mirrored')))",
  one: 'true',
};

function listText(where: string): string {
  return `select r.*, m.membership, count(*) over () as total,
      (select count(*) from members j where j.tenant_id = r.tenant_id and j.room_id = r.room_id and j.membership = 'join') as member_count,
      (select c.participant_id from participants c where c.tenant_id = r.tenant_id and c.server_name = split_part(r.creator, ':', 2) and c.local_id = split_part(substr(r.creator, 2), ':', 1)) as creator_id
    from rooms r left join members m on m.tenant_id = r.tenant_id and m.room_id = r.room_id and m.participant_id = $2
    where r.tenant_id = $1 and ${where}
      and ($3::text is null or strpos(lower(coalesce(r.name, '')), lower($3)) > 0) and ($4::text is null or r.room_type = $4)
      and ($5::text is null or r.room_id = $5)
    order by r.created_at, r.room_id limit $6 offset $7`;
}

const LISTS: Readonly<Record<RoomListFilter['scope'], string>> = {
  joined: listText(SCOPES.joined),
  archived: listText(SCOPES.archived),
  directory: listText(SCOPES.directory),
  one: listText(SCOPES.one),
};

export class RoomsRepository {
  constructor(private readonly tx: Tx) {}

  async create(ctx: TenantContext, room: NewRoom): Promise<void> {
    await this.tx.rows(q('rooms').insert({ tenant_id: ctx.tenantId, ...room }));
  }

  /** False: there is a room of that log already, perhaps since a moment ago. */
  async createUnlessHeld(ctx: TenantContext, room: NewRoom): Promise<boolean> {
    const insert = q('rooms').insert({ tenant_id: ctx.tenantId, ...room });
    return (await this.tx.rows(insert.onConflict(['tenant_id', 'log_name']).ignore().returning('room_id'))).length > 0;
  }

  async find(ctx: TenantContext, roomId: RoomId): Promise<RoomRow | undefined> {
    const text = 'select * from rooms where tenant_id = $1 and room_id = $2';
    return (await this.tx.prepared<RoomRow>('room_find', text, [ctx.tenantId, roomId]))[0];
  }

  async findByLog(ctx: TenantContext, log: LogName): Promise<RoomRow | undefined> {
    const text = 'select * from rooms where tenant_id = $1 and log_name = $2';
    return (await this.tx.prepared<RoomRow>('room_find_by_log', text, [ctx.tenantId, log]))[0];
  }

  async findByDmKey(ctx: TenantContext, dmKey: string): Promise<RoomRow | undefined> {
    return (await this.tx.rows<RoomRow>(q('rooms').where({ tenant_id: ctx.tenantId, dm_key: dmKey })))[0];
  }

  /** The first lock of the state path. */
  async lock(ctx: TenantContext, roomId: RoomId): Promise<RoomRow | undefined> {
    const text = 'select * from rooms where tenant_id = $1 and room_id = $2 for no key update';
    return (await this.tx.prepared<RoomRow>('room_lock', text, [ctx.tenantId, roomId]))[0];
  }

  async epoch(ctx: TenantContext, roomId: RoomId): Promise<number | undefined> {
    const text = 'select epoch from rooms where tenant_id = $1 and room_id = $2';
    return (await this.tx.prepared<{ epoch: number }>('room_epoch', text, [ctx.tenantId, roomId]))[0]?.epoch;
  }

  async snapshot(ctx: TenantContext, roomId: RoomId): Promise<RoomSnapshot | undefined> {
    const room = await this.find(ctx, roomId);
    return room === undefined ? undefined : this.withMembers(ctx, room);
  }

  async withMembers(ctx: TenantContext, room: RoomRow): Promise<RoomSnapshot> {
    const text = `select participant_id, fqid, server_name, membership, power, invited_by, changed_seq
      from members where tenant_id = $1 and room_id = $2 and membership in ('join', 'invite', 'ban')`;
    const rows = await this.tx.prepared<MemberRow>('room_members', text, [ctx.tenantId, room.room_id]);
    const members = new Map(rows.map((row) => [row.fqid, memberOf(row)]));
    return { room, standing: standingOf(room), members };
  }

  /** Changes facts and raises the epoch: what was judged before is stale from here. */
  async change(ctx: TenantContext, roomId: RoomId, change: RoomChange): Promise<void> {
    await this.tx.rows(
      q('rooms')
        .where({ tenant_id: ctx.tenantId, room_id: roomId })
        .update({ ...change })
        .increment('epoch', 1),
    );
  }

  /** Rooms as a person sees them in a list, with the length of the whole list. */
  async list(ctx: TenantContext, filter: RoomListFilter): Promise<readonly RoomListRow[]> {
    return this.tx.prepared<RoomListRow>(`rooms_list_${filter.scope}`, LISTS[filter.scope], [
      ctx.tenantId,
      filter.reader,
      filter.text ?? null,
      filter.type ?? null,
      filter.roomId ?? null,
      filter.limit,
      filter.offset,
    ]);
  }
}

export function standingOf(room: RoomRow): RoomStanding {
  return { home: room.home, creator: room.creator, type: room.room_type, state: room.state, federated: room.federated, isPublic: room.visibility === 'public' };
}

function memberOf(row: MemberRow): RoomMember {
  return {
    participantId: row.participant_id,
    fqid: row.fqid,
    server: row.server_name,
    membership: row.membership,
    power: row.power,
    invitedBy: row.invited_by ?? undefined,
    changedSeq: row.changed_seq,
  };
}
