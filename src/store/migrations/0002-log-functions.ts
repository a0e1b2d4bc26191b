import type { Migration } from './migration.js';

/**
 * One link of the chain (specs/protocol/federation.md, "Chain"). The same bytes are hashed in src/protocol/chain.ts; a
 * test holds the two together.
 */
const CHAIN = `
create function chain_next(log_name text, seq bigint, at bigint, previous bytea, event_hash bytea) returns bytea
language sql immutable strict parallel safe as $$
  select sha256(convert_to(
    'scaiwave-log-v1' || E'\\n' || log_name || E'\\n' || seq || E'\\n' || at || E'\\n'
      || encode(previous, 'hex') || E'\\n' || encode(event_hash, 'hex'), 'UTF8'))
$$;
`;

/** Binds a session that is nobody's; one that is another tenant's it refuses, or the second lock would be no lock here. */
const BIND_TENANT = `
create function bind_tenant(p_tenant uuid) returns void language plpgsql as $$
begin
  if coalesce(nullif(current_setting('app.tenant', true), ''), p_tenant::text) <> p_tenant::text then
    raise exception 'the session is bound to another tenant' using errcode = '42501';
  end if;
  perform set_config('app.tenant', p_tenant::text, true);
end
$$;
`;

/**
 * The only way in which an entry gets a place here. Locks the rooms in order of id, compares epochs, drops repeats,
 * numbers and chains in memory, takes tenant positions last. In a room whose home is elsewhere the event gets no place:
 * it is kept as pending until the home answers.
 *
 * Outcomes per item: appended, duplicate (with its first place), conflict, stale (judge again), full.
 */
const APPEND_ENTRIES = `
create function append_entries(
  p_tenant uuid, p_tenant_epoch bigint, p_now bigint, p_pending_max integer, p_rooms text[], p_epochs bigint[],
  i_room integer[], i_event text[], i_origin text[], i_wire text[], i_type text[], i_sender text[], i_sender_id uuid[],
  i_foreign text[], i_target text[], i_hash bytea[], i_dedupe bytea[], i_jws text[], i_content jsonb[], i_relates text[],
  i_via jsonb[], i_origin_ts bigint[])
returns table (item integer, outcome text, place bigint, stream_pos bigint, placed_at bigint)
language plpgsql as $$
declare
  items constant integer := cardinality(i_event);
  found_room record;
  repeat record;
  n integer;
  k integer;
  current boolean[] := array_fill(false, array[cardinality(p_rooms)]);
  hosted boolean[] := array_fill(false, array[cardinality(p_rooms)]);
  names text[] := array_fill(null::text, array[cardinality(p_rooms)]);
  heads bigint[] := array_fill(null::bigint, array[cardinality(p_rooms)]);
  ats bigint[] := array_fill(null::bigint, array[cardinality(p_rooms)]);
  hashes bytea[] := array_fill(null::bytea, array[cardinality(p_rooms)]);
  waiting integer[] := array_fill(0, array[cardinality(p_rooms)]);
  outcomes text[] := array_fill(null::text, array[items]);
  places bigint[] := array_fill(null::bigint, array[items]);
  times bigint[] := array_fill(null::bigint, array[items]);
  chains bytea[] := array_fill(null::bytea, array[items]);
  positions bigint[] := array_fill(null::bigint, array[items]);
  fresh integer := 0;
  head_position bigint;
begin
  perform bind_tenant(p_tenant);

  for found_room in
    select r.room_id, r.log_name, r.phase, r.epoch, r.head_seq, r.head_at, r.head_hash
    from rooms r where r.tenant_id = p_tenant and r.room_id = any (p_rooms)
    order by r.room_id for no key update
  loop
    k := array_position(p_rooms, found_room.room_id);
    current[k] := found_room.epoch = p_epochs[k];
    hosted[k] := found_room.phase = 'hosted';
    names[k] := found_room.log_name;
    heads[k] := found_room.head_seq;
    ats[k] := greatest(found_room.head_at, p_now);
    hashes[k] := found_room.head_hash;
    if not hosted[k] then
      waiting[k] := (select count(*) from entries e
        where e.tenant_id = p_tenant and e.room_id = found_room.room_id and e.state = 'pending');
    end if;
  end loop;

  for repeat in
    select i.ord, e.room_id, e.dedupe_hash, e.seq, e.stream_position, e.at
    from unnest(i_event) with ordinality as i (event_id, ord)
    join entries e on e.tenant_id = p_tenant and e.event_id = i.event_id
  loop
    n := repeat.ord;
    outcomes[n] := case
      when repeat.dedupe_hash = i_dedupe[n] and repeat.room_id = p_rooms[i_room[n]] then 'duplicate' else 'conflict' end;
    places[n] := repeat.seq;
    times[n] := repeat.at;
    positions[n] := repeat.stream_position;
  end loop;

  for n in 1 .. items loop
    continue when outcomes[n] is not null;
    k := i_room[n];
    if not current[k] then
      outcomes[n] := 'stale';
    elsif hosted[k] then
      heads[k] := heads[k] + 1;
      hashes[k] := chain_next(names[k], heads[k], ats[k], hashes[k], i_hash[n]);
      places[n] := heads[k];
      times[n] := ats[k];
      chains[n] := hashes[k];
      outcomes[n] := 'appended';
    elsif waiting[k] >= p_pending_max then
      outcomes[n] := 'full';
    else
      waiting[k] := waiting[k] + 1;
      outcomes[n] := 'appended';
    end if;
    if outcomes[n] = 'appended' then
      fresh := fresh + 1;
      positions[n] := fresh;
    end if;
  end loop;

  if fresh > 0 then
    update tenant_heads h set stream_position = h.stream_position + fresh, dirty = true
    where h.tenant_id = p_tenant and h.epoch = p_tenant_epoch
    returning h.stream_position - fresh into head_position;
    if not found then
      for n in 1 .. items loop
        if outcomes[n] = 'appended' then
          outcomes[n] := 'stale'; places[n] := null; times[n] := null; positions[n] := null;
        end if;
      end loop;
    else
      insert into entries (tenant_id, stream_position, room_id, seq, at, event_id, origin, wire_id, event_type, sender,
        sender_id, foreign_origin, target, event_hash, dedupe_hash, chain_hash, jws, content, relates_to, via, state,
        origin_ts, created_at)
      select p_tenant, head_position + positions[i.ord], p_rooms[i_room[i.ord]], places[i.ord], times[i.ord], i.event_id,
        i_origin[i.ord], i_wire[i.ord], i_type[i.ord], i_sender[i.ord], i_sender_id[i.ord], i_foreign[i.ord],
        i_target[i.ord], i_hash[i.ord], i_dedupe[i.ord], chains[i.ord], i_jws[i.ord], i_content[i.ord], i_relates[i.ord],
        array(select jsonb_array_elements_text(i_via[i.ord])),
        case when places[i.ord] is null then 'pending' else 'placed' end, i_origin_ts[i.ord], p_now
      from unnest(i_event) with ordinality as i (event_id, ord)
      where outcomes[i.ord] = 'appended';

      update rooms r set head_seq = u.head_seq, head_at = u.head_at, head_hash = u.head_hash
      from unnest(p_rooms, heads, ats, hashes) as u (room_id, head_seq, head_at, head_hash)
      where r.tenant_id = p_tenant and r.room_id = u.room_id and r.phase = 'hosted' and r.head_seq < u.head_seq;

      for n in 1 .. items loop
        if outcomes[n] = 'appended' then positions[n] := head_position + positions[n]; end if;
      end loop;
    end if;
  end if;

  return query select i.ord::integer, outcomes[i.ord], places[i.ord], positions[i.ord], times[i.ord]
    from generate_series(1, items) as i (ord);
end
$$;
`;

/**
 * Stores a run of a foreign home's log, whose chain was checked before. What is already here is compared, what was
 * withheld here and is now given is filled in place, an own pending row takes its place; what was redacted meanwhile
 * stays erased. Every change takes a new stream position. An id that is already another event's leaves its place
 * withheld: a mirror refuses no place.
 *
 * Outcomes: stored, gap (with what is held), fork (nothing changed; the caller freezes).
 */
const APPEND_RUN = `
create function append_run(
  p_tenant uuid, p_room text, p_now bigint, p_first_seq bigint, p_prev_hash bytea,
  i_at bigint[], i_chain bytea[], i_event text[], i_origin text[], i_wire text[], i_type text[], i_sender text[],
  i_sender_id uuid[], i_foreign text[], i_target text[], i_hash bytea[], i_jws text[], i_content jsonb[],
  i_relates text[], i_via jsonb[], i_state text[], i_reason text[], i_redacted_by bigint[], i_origin_ts bigint[])
returns table (outcome text, have_seq bigint, have_hash bytea, positions bigint[], conflicts integer[])
language plpgsql as $$
declare
  items constant integer := cardinality(i_event);
  held record;
  known record;
  overlap integer;
  n integer;
  moved bigint := 0;
  kept_bytes bigint := 0;
  head_position bigint;
  known_state text[] := array_fill(null::text, array[items]);
  places bigint[] := array_fill(null::bigint, array[items]);
  clashes integer[] := '{}';
begin
  perform bind_tenant(p_tenant);
  select r.head_seq, r.head_hash into held from rooms r
  where r.tenant_id = p_tenant and r.room_id = p_room for no key update;

  if p_first_seq > held.head_seq + 1 then
    return query select 'gap', held.head_seq, held.head_hash, places, clashes;
    return;
  end if;

  overlap := least(items, held.head_seq - p_first_seq + 1);
  if overlap = 0 then
    if p_prev_hash <> held.head_hash then
      return query select 'fork', held.head_seq, held.head_hash, places, clashes;
      return;
    end if;
  elsif exists (
    select 1 from entries e where e.tenant_id = p_tenant and e.room_id = p_room and e.seq = p_first_seq + overlap - 1
      and e.chain_hash <> i_chain[overlap]
  ) or (p_first_seq + overlap - 1 = held.head_seq and i_chain[overlap] <> held.head_hash) then
    return query select 'fork', held.head_seq, held.head_hash, places, clashes;
    return;
  end if;

  for known in
    select i.ord, e.room_id, e.event_hash, e.seq, e.state, e.redacted_by is not null as is_erased,
      e.jws is null and r.phase <> 'hosted' as is_claim
    from unnest(i_event) with ordinality as i (event_id, ord)
    join entries e on e.tenant_id = p_tenant and e.event_id = i.event_id
    join rooms r on r.tenant_id = p_tenant and r.room_id = e.room_id
  loop
    n := known.ord;
    if known.room_id = p_room and known.is_erased then
      i_jws[n] := null;
      i_content[n] := null;
    end if;
    if known.room_id <> p_room and known.is_claim and i_jws[n] is not null then
      -- Another home only said that the event is in its log; here it is, signed for this room.
      update entries e set event_id = 'evt-' || gen_random_uuid() where e.tenant_id = p_tenant and e.event_id = i_event[n];
    elsif n <= overlap then
      if known.state = 'withheld' and i_state[n] = 'placed' and known.seq = p_first_seq + n - 1 then
        known_state[n] := 'fill';
      end if;
    elsif known.room_id = p_room and known.seq is null and known.event_hash = i_hash[n] then
      known_state[n] := 'own';
    else
      known_state[n] := 'clash';
      clashes := clashes || n;
    end if;
  end loop;

  -- An id that comes twice in the run itself: the first place has it.
  for n in
    select i.ord from (
      select r.ord, row_number() over (partition by r.event_id order by r.ord) as nth
      from unnest(i_event) with ordinality as r (event_id, ord)) as i
    where i.nth > 1 and i.ord > overlap
  loop
    continue when known_state[n] = 'clash';
    known_state[n] := 'clash';
    clashes := clashes || n;
  end loop;

  for n in 1 .. items loop
    if n > overlap or known_state[n] = 'fill' then
      moved := moved + 1;
      places[n] := moved;
      if known_state[n] is distinct from 'clash' then
        kept_bytes := kept_bytes + coalesce(length(i_jws[n]), 0);
      end if;
    end if;
  end loop;
  if moved = 0 then
    return query select 'stored', held.head_seq, held.head_hash, places, clashes;
    return;
  end if;

  update tenant_usage u set mirror_bytes = u.mirror_bytes + kept_bytes where u.tenant_id = p_tenant;
  update tenant_heads h set stream_position = h.stream_position + moved, dirty = true where h.tenant_id = p_tenant
  returning h.stream_position - moved into head_position;

  update entries e set stream_position = head_position + places[i.ord], seq = p_first_seq + i.ord - 1, at = i_at[i.ord],
    chain_hash = i_chain[i.ord], state = i_state[i.ord], reason = i_reason[i.ord],
    jws = i_jws[i.ord], content = i_content[i.ord],
    sender_id = coalesce(i_sender_id[i.ord], e.sender_id), relates_to = i_relates[i.ord],
    redacted_by = coalesce(e.redacted_by, i_redacted_by[i.ord]), target = i_target[i.ord]
  from unnest(i_event) with ordinality as i (event_id, ord)
  where e.tenant_id = p_tenant and e.event_id = i.event_id and known_state[i.ord] in ('own', 'fill');

  insert into entries (tenant_id, stream_position, room_id, seq, at, event_id, origin, wire_id, event_type, sender,
    sender_id, foreign_origin, target, event_hash, dedupe_hash, chain_hash, jws, content, relates_to, via, state, reason,
    redacted_by, origin_ts, created_at)
  select p_tenant, head_position + places[i.ord], p_room, p_first_seq + i.ord - 1, i_at[i.ord],
    case when known_state[i.ord] = 'clash' then 'evt-' || gen_random_uuid() else i.event_id end,
    i_origin[i.ord], i_wire[i.ord], i_type[i.ord], i_sender[i.ord], i_sender_id[i.ord], i_foreign[i.ord], i_target[i.ord],
    i_hash[i.ord], i_hash[i.ord], i_chain[i.ord],
    case when known_state[i.ord] = 'clash' then null else i_jws[i.ord] end,
    case when known_state[i.ord] = 'clash' then null else i_content[i.ord] end,
    i_relates[i.ord], array(select jsonb_array_elements_text(i_via[i.ord])),
    case when known_state[i.ord] = 'clash' then 'withheld' else i_state[i.ord] end,
    case when known_state[i.ord] = 'clash' then 'SW_FED_EVENT_CONFLICT' else i_reason[i.ord] end,
    i_redacted_by[i.ord], i_origin_ts[i.ord], p_now
  from unnest(i_event) with ordinality as i (event_id, ord)
  where i.ord > overlap and known_state[i.ord] is distinct from 'own';

  if items > overlap then
    update rooms r set head_seq = p_first_seq + items - 1, head_hash = i_chain[items], head_at = i_at[items]
    where r.tenant_id = p_tenant and r.room_id = p_room;
  end if;

  for n in 1 .. items loop
    places[n] := head_position + places[n];
  end loop;
  return query select 'stored', r.head_seq, r.head_hash, places, clashes
    from rooms r where r.tenant_id = p_tenant and r.room_id = p_room;
end
$$;
`;

/** Moves rows to a new stream position with a new state, so that readers see the change. Returns how many moved. */
const MOVE_ENTRIES = `
create function move_entries(p_tenant uuid, i_event text[], i_state text[], i_reason text[]) returns integer
language plpgsql as $$
declare
  moved integer;
  head_position bigint;
begin
  perform bind_tenant(p_tenant);
  perform 1 from entries e where e.tenant_id = p_tenant and e.event_id = any (i_event) and e.state = 'pending'
    order by e.stream_position for no key update;
  select count(*) into moved from entries e
    where e.tenant_id = p_tenant and e.event_id = any (i_event) and e.state = 'pending';
  if moved = 0 then return 0; end if;
  update tenant_heads h set stream_position = h.stream_position + moved, dirty = true where h.tenant_id = p_tenant
  returning h.stream_position - moved into head_position;
  update entries e set stream_position = head_position + m.n, state = m.state, reason = m.reason
  from (
    select p.event_id, i.state, i.reason, row_number() over (order by p.stream_position) as n
    from unnest(i_event, i_state, i_reason) as i (event_id, state, reason)
    join entries p on p.tenant_id = p_tenant and p.event_id = i.event_id and p.state = 'pending'
  ) as m
  where e.tenant_id = p_tenant and e.event_id = m.event_id and e.state = 'pending';
  return moved;
end
$$;
`;

export const logFunctions: Migration = {
  name: '0002-log-functions',
  async up({ run, functionOf }) {
    for (const [name, sql] of [
      ['chain_next', CHAIN],
      ['bind_tenant', BIND_TENANT],
      ['append_entries', APPEND_ENTRIES],
      ['append_run', APPEND_RUN],
      ['move_entries', MOVE_ENTRIES],
    ] as const) {
      await run(sql);
      await functionOf(name);
    }
  },
};
