import type { Migration } from './migration.js';

/**
 * Places that a home says it has erased, until the place that it names as the redaction is here too. The index finds power
 * entries that came without a word of whom they are about: after them nobody's power is known for sure.
 */
const TABLES = `
create table erasure_claims (
  tenant_id uuid not null,
  room_id text not null,
  seq bigint not null,
  redacted_by bigint not null,
  primary key (tenant_id, room_id, seq),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id)
);
create index erasure_claims_due on erasure_claims (tenant_id, room_id, redacted_by);
create index entries_hollow_power on entries (tenant_id, room_id, seq) where event_type = 'swp.room.power_levels' and target is null;
`;

/** As in `0011-runs`, and `false` where the run brings a place that a claim waits for: that must be looked at more closely. */
const APPEND_JUDGED_RUN = `
create or replace function append_judged_run(
  p_tenant uuid, p_epoch bigint, p_mirror_bytes_max bigint,
  p_room text, p_now bigint, p_first_seq bigint, p_prev_hash bytea,
  i_at bigint[], i_chain bytea[], i_event text[], i_origin text[], i_wire text[], i_type text[], i_sender text[],
  i_sender_id uuid[], i_foreign text[], i_target text[], i_hash bytea[], i_jws text[], i_content jsonb[],
  i_relates text[], i_via jsonb[], i_state text[], i_reason text[], i_redacted_by bigint[], i_origin_ts bigint[])
returns boolean
language plpgsql as $$
declare
  items constant integer := cardinality(i_event);
  held record;
  head_position bigint;
begin
  perform bind_tenant(p_tenant);
  select r.epoch, r.head_seq, r.head_at, r.head_hash into held from rooms r
  where r.tenant_id = p_tenant and r.room_id = p_room for no key update;
  if not found or held.epoch <> p_epoch or held.head_seq + 1 <> p_first_seq or held.head_hash <> p_prev_hash
    or held.head_at > i_at[1] then
    return false;
  end if;
  if exists (select from erasure_claims c where c.tenant_id = p_tenant and c.room_id = p_room
    and c.redacted_by between p_first_seq and p_first_seq + items - 1) then
    return false;
  end if;

  update tenant_usage u set mirror_bytes = u.mirror_bytes + (select coalesce(sum(length(j)), 0) from unnest(i_jws) as j)
  where u.tenant_id = p_tenant and u.mirror_bytes < p_mirror_bytes_max;
  if not found then return false; end if;
  update tenant_heads h set stream_position = h.stream_position + items, dirty = true where h.tenant_id = p_tenant
  returning h.stream_position - items into head_position;

  insert into entries (tenant_id, stream_position, room_id, seq, at, event_id, origin, wire_id, event_type, sender,
    sender_id, foreign_origin, target, event_hash, dedupe_hash, chain_hash, jws, content, relates_to, via, state, reason,
    redacted_by, origin_ts, created_at)
  select p_tenant, head_position + i.ord, p_room, p_first_seq + i.ord - 1, i_at[i.ord], i.event_id, i_origin[i.ord],
    i_wire[i.ord], i_type[i.ord], i_sender[i.ord], i_sender_id[i.ord], i_foreign[i.ord], i_target[i.ord], i_hash[i.ord],
    i_hash[i.ord], i_chain[i.ord], i_jws[i.ord], i_content[i.ord], i_relates[i.ord],
    case when i_via[i.ord] = '[]' then '{}' else array(select jsonb_array_elements_text(i_via[i.ord])) end,
    i_state[i.ord], i_reason[i.ord], i_redacted_by[i.ord], i_origin_ts[i.ord], p_now
  from unnest(i_event) with ordinality as i (event_id, ord);

  update rooms r set head_seq = p_first_seq + items - 1, head_hash = i_chain[items], head_at = i_at[items]
  where r.tenant_id = p_tenant and r.room_id = p_room;
  return true;
exception when unique_violation then
  return false;
end
$$;
`;

export const erasureClaims: Migration = {
  name: '0021-erasure-claims',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('erasure_claims');
    await run(APPEND_JUDGED_RUN);
  },
};
