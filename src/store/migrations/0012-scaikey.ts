import type { Migration } from './migration.js';

/**
 * What ScaiKey said, and when. Two times per resource, in microseconds of ScaiKey's clock since 1970: who somebody is
 * and whether they may come in change apart, and the older word about one must not undo the newer about the other.
 * `seen_at` is when a listing last had the resource, in milliseconds of ours.
 */
const TABLES = `
alter table participants add column status text not null default 'active' check (status in ('active', 'deactivated'));

create table scaikey_events (
  tenant_id uuid not null references tenants (tenant_id),
  event_id text not null,
  event_type text not null,
  received_at bigint not null,
  expires_at bigint not null,
  primary key (tenant_id, event_id)
);
create index scaikey_events_by_expiry on scaikey_events (tenant_id, expires_at);

create table scaikey_facts (
  tenant_id uuid not null references tenants (tenant_id),
  resource_type text not null check (resource_type in ('partner', 'tenant', 'user')),
  resource_id text not null,
  standing text check (standing in ('active', 'barred')),
  described_at bigint not null default 0,
  standing_at bigint not null default 0,
  seen_at bigint not null default 0,
  primary key (tenant_id, resource_type, resource_id)
) with (fillfactor = 70);

create table scaikey_runs (
  tenant_id uuid not null references tenants (tenant_id),
  part text not null check (part in ('directory', 'people')),
  step text not null default 'tenants',
  page integer not null default 1,
  begun_at bigint,
  changes integer not null default 0,
  last_ok bigint,
  last_changes integer,
  failing_since bigint,
  last_error text,
  primary key (tenant_id, part)
) with (fillfactor = 70);
`;

/** Tenants that are there already get the duty as well. Only the owner of the tables may look past their locks. */
const DUTY_FOR_ALL = `
alter table tenants no force row level security;
alter table consumers no force row level security;
insert into consumers (tenant_id, consumer_id, kind, due_at) select tenant_id, 'duty:scaikey', 'duty', now() from tenants on conflict do nothing;
alter table consumers force row level security;
alter table tenants force row level security;
`;

export const scaikey: Migration = {
  name: '0012-scaikey',
  async up({ run, tenantTable }) {
    await run(TABLES);
    for (const table of ['scaikey_events', 'scaikey_facts', 'scaikey_runs']) await tenantTable(table);
    await run(DUTY_FOR_ALL);
  },
};
