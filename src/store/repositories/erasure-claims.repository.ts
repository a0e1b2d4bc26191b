import type { EventId, Fqid, RoomId, ServerName, WireEventId } from '../../kernel/ids.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { Tx } from '../database.js';

/** An entry that came erased, and the place that its home names as the redaction. */
export interface ErasureClaim {
  readonly seq: number;
  readonly redactedBy: number;
}

/** A claim beside what is held here of both places, and of the event that the redaction is about. */
export interface DueClaimRow {
  readonly seq: number;
  readonly origin: ServerName;
  readonly wire_id: WireEventId;
  readonly event_type: string;
  readonly sender: Fqid;
  /** Null where the entry came without its words. */
  readonly relates_to: EventId | null;
  readonly redacted_by: number;
  readonly redaction_type: string;
  readonly redaction_sender: Fqid;
  /** Null where the redaction came without its words. */
  readonly redaction_about: EventId | null;
  /** Why the redaction is not kept here, or null. */
  readonly redaction_reason: string | null;
  /** Null where what the redaction is about is not held here, or has no place yet. */
  readonly about_type: string | null;
  readonly about_sender: Fqid | null;
  readonly about_seq: number | null;
}

/** What homes say they have erased and what could not be held against their log yet. */
export class ErasureClaimsRepository {
  constructor(private readonly tx: Tx) {}

  /** The first claim about a place stays. */
  async note(ctx: TenantContext, roomId: RoomId, claims: readonly ErasureClaim[]): Promise<void> {
    if (claims.length === 0) return;
    await this.tx.prepared(
      'erasure_claims_note',
      `insert into erasure_claims (tenant_id, room_id, seq, redacted_by) select $1, $2, * from unnest($3::bigint[], $4::bigint[])
       on conflict (tenant_id, room_id, seq) do nothing`,
      [ctx.tenantId, roomId, claims.map(({ seq }) => seq), claims.map(({ redactedBy }) => redactedBy)],
    );
  }

  /** Takes out the claims whose redaction has a place by now. A place that is not held here says nothing of its claim. */
  async takeDue(ctx: TenantContext, roomId: RoomId, headSeq: number): Promise<readonly DueClaimRow[]> {
    return this.tx.prepared<DueClaimRow>(
      'erasure_claims_take_due',
      `with due as (
         delete from erasure_claims where tenant_id = $1 and room_id = $2 and redacted_by <= $3 returning seq, redacted_by)
       select e.seq, e.origin, e.wire_id, e.event_type, e.sender, e.relates_to, due.redacted_by,
         r.event_type as redaction_type, r.sender as redaction_sender, r.relates_to as redaction_about, r.reason as redaction_reason,
         a.event_type as about_type, a.sender as about_sender, a.seq as about_seq
       from due
       join entries e on e.tenant_id = $1 and e.room_id = $2 and e.seq = due.seq
       join entries r on r.tenant_id = $1 and r.room_id = $2 and r.seq = due.redacted_by
       left join entries a on a.tenant_id = $1 and a.room_id = $2 and a.event_id = r.relates_to and a.seq is not null
       order by e.seq`,
      [ctx.tenantId, roomId, headSeq],
    );
  }

  /**
   * What the log after `startSeq` says last, before a place, of somebody's power; null if that is not kept here. Undefined:
   * it says nothing.
   */
  async powerBefore(ctx: TenantContext, roomId: RoomId, person: Fqid, seq: number, startSeq: number): Promise<number | null | undefined> {
    const last = (whom: string): string =>
      `(select seq, state, target, content from entries where tenant_id = $1 and room_id = $2 and event_type = 'swp.room.power_levels' and ${whom}
        and seq < $4 and seq > $5 order by seq desc limit 1)`;
    const [row] = await this.tx.prepared<{ power: number | null }>(
      'erasure_claims_power_before',
      `select case when state = 'placed' and target is not null then (content ->> 'power_level')::integer end as power
       from (${last('target = $3')} union all ${last('target is null')}) as known order by seq desc limit 1`,
      [ctx.tenantId, roomId, person, seq, startSeq],
    );
    return row?.power;
  }
}
