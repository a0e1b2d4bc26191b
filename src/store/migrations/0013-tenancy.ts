import type { Migration } from './migration.js';

/**
 * Partners, and what a month of a tenant came to. A partner's row is kept by the tenant of the platform admin who made it
 * and is found by name, like everything that is asked for before its tenant is known. A place in a fleet is a name too:
 * whoever takes number n of a partner has it alone, in the transaction that makes the tenant.
 */
const TABLES = `
alter table tenant_names
  drop constraint tenant_names_kind_check,
  add constraint tenant_names_kind_check check (kind in ('slug', 'server_name', 'scaikey', 'bridge', 'partner', 'fleet_place'));

create index tenants_by_partner on tenants (partner_id, created_at) where partner_id is not null;

create table partners (
  tenant_id uuid not null references tenants (tenant_id),
  partner_id text not null,
  name text not null,
  status text not null default 'active' check (status in ('active', 'suspended')),
  limits jsonb not null default '{}',
  created_at bigint not null,
  primary key (tenant_id, partner_id)
);

create table usage_months (
  tenant_id uuid not null references tenants (tenant_id),
  month text not null check (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
  rooms_peak integer,
  rooms_last integer,
  participants_peak integer,
  participants_last integer,
  storage_bytes_peak bigint,
  storage_bytes_last bigint,
  messages bigint not null default 0,
  ai_tokens bigint,
  primary key (tenant_id, month)
) with (fillfactor = 50);

alter table tenant_usage add column messages_counted_to bigint not null default 0;
`;

/** Whatever path changes a level, the peak of its month follows in the same transaction. */
const PEAKS = `
create function follow_usage_month() returns trigger language plpgsql as $$
begin
  insert into usage_months as m
    (tenant_id, month, rooms_peak, rooms_last, participants_peak, participants_last, storage_bytes_peak, storage_bytes_last)
  values (new.tenant_id, to_char(now() at time zone 'utc', 'YYYY-MM'), greatest(old.rooms, new.rooms), new.rooms,
    greatest(old.participants, new.participants), new.participants, greatest(old.storage_bytes, new.storage_bytes), new.storage_bytes)
  on conflict (tenant_id, month) do update set
    rooms_peak = greatest(m.rooms_peak, excluded.rooms_peak), rooms_last = excluded.rooms_last,
    participants_peak = greatest(m.participants_peak, excluded.participants_peak), participants_last = excluded.participants_last,
    storage_bytes_peak = greatest(m.storage_bytes_peak, excluded.storage_bytes_peak), storage_bytes_last = excluded.storage_bytes_last;
  return null;
end
$$;
create trigger usage_month_follows after update of rooms, participants, storage_bytes on tenant_usage
  for each row when ((old.rooms, old.participants, old.storage_bytes) is distinct from (new.rooms, new.participants, new.storage_bytes))
  execute function follow_usage_month();
`;

export const tenancy: Migration = {
  name: '0013-tenancy',
  async up({ run, tenantTable, spanning, spanningMore, functionOf }) {
    await run(TABLES);
    await tenantTable('partners');
    await tenantTable('usage_months');
    await run(PEAKS);
    await functionOf('follow_usage_month');
    await spanning('partners', ['tenant_id', 'partner_id', 'name', 'status', 'limits', 'created_at']);
    await spanningMore('tenants', ['limits']);
    await spanning('tenant_usage', ['tenant_id', 'rooms', 'participants', 'storage_bytes']);
    await spanning('usage_months', [
      'tenant_id', 'month', 'rooms_peak', 'rooms_last', 'participants_peak', 'participants_last', 'storage_bytes_peak', 'storage_bytes_last', 'messages', 'ai_tokens',
    ]);
  },
};
