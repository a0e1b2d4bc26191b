import type { Migration } from './migration.js';

/** The audit of each tenant (specs/protocol/audit.md). `seq`, `at` and both hashes are the database's to give. */
const TABLE = `
create table audit (
  tenant_id uuid not null references tenants (tenant_id),
  seq bigint not null,
  at bigint not null,
  actor jsonb not null check (actor ? 'name'),
  act text not null check (act ~ '^[a-z_]+[.][a-z_]+$'),
  target text,
  detail jsonb not null check (jsonb_typeof(detail) = 'object'),
  for_tenant_id uuid,
  request_id text,
  previous_hash bytea not null,
  hash bytea not null,
  primary key (tenant_id, seq)
);
create index audit_by_actor on audit (tenant_id, (actor ->> 'name'), seq);
create index audit_by_act on audit (tenant_id, act text_pattern_ops, seq);
create index audit_by_target on audit (tenant_id, target, seq);
create index audit_by_time on audit (tenant_id, at);
`;

/** JSON in its one spelling (RFC 8785). The same text is made in src/protocol/audit.ts; a test holds the two together. */
const CANONICAL = `
create function audit_canonical(value jsonb) returns text language plpgsql immutable strict parallel safe as $$
declare
  number numeric;
begin
  case jsonb_typeof(value)
    when 'object' then
      return '{' || coalesce((select string_agg(to_json(m.key)::text || ':' || audit_canonical(m.value), ',' order by m.key collate "C")
        from jsonb_each(value) as m), '') || '}';
    when 'array' then
      return '[' || coalesce((select string_agg(audit_canonical(e.value), ',' order by e.ordinality)
        from jsonb_array_elements(value) with ordinality as e), '') || ']';
    when 'number' then
      number := trim_scale((value #>> '{}')::numeric);
      if abs(number) > 9007199254740991 or (number <> 0 and abs(number) < 0.000001) then
        raise exception 'a number that not everybody spells alike' using errcode = '22023';
      end if;
      return number::text;
    else
      return value::text;
  end case;
end
$$;
`;

const HASH = `
create function audit_hash(entry audit) returns bytea language sql stable parallel safe as $$
  select sha256(convert_to('scaiwave-audit-v1' || E'\\n' || audit_canonical(jsonb_build_object(
    'tenant_id', entry.tenant_id,
    'seq', entry.seq,
    'at', to_char(to_timestamp(entry.at / 1000) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '.' || lpad((entry.at % 1000)::text, 3, '0') || 'Z',
    'actor', entry.actor,
    'act', entry.act,
    'target', entry.target,
    'detail', entry.detail,
    'for_tenant_id', entry.for_tenant_id,
    'request_id', entry.request_id,
    'previous_hash', encode(entry.previous_hash, 'hex'))), 'UTF8'))
$$;
`;

/** One lock for each chain; it is not a row, so that whoever may only add can take it. */
const LOCK = `
create function audit_lock_of(tenant uuid) returns bigint language sql immutable strict parallel safe as $$
  select hashtextextended('audit ' || tenant, 0)
$$;
`;

/**
 * Whoever inserts, and whatever they say: a row gets the next number and follows from the one before it. The lock is
 * held until the commit, so the row before is committed or of the same transaction, and no number is ever left out.
 */
const CHAINED = `
create function audit_chained() returns trigger language plpgsql as $$
declare
  before_it record;
begin
  perform pg_advisory_xact_lock(audit_lock_of(new.tenant_id));
  select a.seq, a.at, a.hash into before_it from audit a where a.tenant_id = new.tenant_id order by a.seq desc limit 1;
  new.seq := coalesce(before_it.seq, 0) + 1;
  new.at := greatest(coalesce(before_it.at, 0), floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  new.previous_hash := coalesce(before_it.hash, decode(repeat('00', 32), 'hex'));
  new.hash := audit_hash(new);
  return new;
end
$$;
create trigger audit_chained before insert on audit for each row execute function audit_chained();
`;

/** The service has no right to change a row; this stops its owner from doing so by mistake. */
const KEPT = `
create function audit_kept() returns trigger language plpgsql as $$
begin
  raise exception 'the audit is only added to' using errcode = '42501';
end
$$;
create trigger audit_kept before update or delete or truncate on audit for each statement execute function audit_kept();
`;

/**
 * The last statement of a transaction: all its acts, in their order. What a person does for another tenant is written at
 * home as well, without what it was done to. The home is believed only if that very person is one of its people; it is
 * bound for these two statements and never while anything else runs. The locks are taken in one order whoever acts for whom.
 */
const APPEND = `
create function append_audit(p_tenant uuid, p_entries jsonb) returns void language plpgsql as $$
declare
  chain bigint;
  entry jsonb;
  home uuid;
begin
  perform bind_tenant(p_tenant);
  for chain in
    select distinct audit_lock_of(t.tenant) as lock from (
      select p_tenant as tenant
      union select (e -> 'actor' ->> 'home_tenant_id')::uuid from jsonb_array_elements(p_entries) as e
    ) as t where t.tenant is not null order by lock
  loop
    perform pg_advisory_xact_lock(chain);
  end loop;

  for entry in select e.value from jsonb_array_elements(p_entries) with ordinality as e order by e.ordinality loop
    insert into audit (tenant_id, actor, act, target, detail, request_id)
    values (p_tenant, entry -> 'actor', entry ->> 'act', entry ->> 'target', entry -> 'detail', entry ->> 'request_id');
    home := (entry -> 'actor' ->> 'home_tenant_id')::uuid;
    continue when home is null or home = p_tenant;

    perform set_config('app.tenant', home::text, true);
    if not exists (select from participants p
      where p.tenant_id = home and p.participant_id = (entry -> 'actor' ->> 'participant_id')::uuid) then
      raise exception 'the actor is nobody of the tenant named as their home' using errcode = '42501';
    end if;
    insert into audit (tenant_id, actor, act, detail, for_tenant_id, request_id)
    values (home, entry -> 'actor', entry ->> 'act', '{}', p_tenant, entry ->> 'request_id');
    perform set_config('app.tenant', p_tenant::text, true);
  end loop;
end
$$;
`;

export const audit: Migration = {
  name: '0008-audit',
  async up({ run, appendOnlyTable, functionOf }) {
    await run(TABLE);
    await appendOnlyTable('audit', ['tenant_id', 'actor', 'act', 'target', 'detail', 'for_tenant_id', 'request_id']);
    for (const [name, sql] of [
      ['audit_canonical', CANONICAL],
      ['audit_hash', HASH],
      ['audit_lock_of', LOCK],
      ['audit_chained', CHAINED],
      ['audit_kept', KEPT],
      ['append_audit', APPEND],
    ] as const) {
      await run(sql);
      await functionOf(name);
    }
  },
};
