import type { Migration } from './migration.js';

/**
 * Bridges, their sealed secrets, which foreign message is which event, and what was sent out. `deliveries` has one row
 * for each event that a bridge has tried, `bridge_intents` one for each post whose outcome is not known yet.
 */
const TABLES = `
create table bridges (
  tenant_id uuid not null references tenants (tenant_id),
  bridge_id text not null,
  room_id text not null,
  participant_id uuid not null,
  fqid text not null,
  name text not null,
  transport text not null,
  direction text not null check (direction in ('in', 'out', 'both')),
  state text not null default 'active' check (state in ('active', 'paused', 'ended')),
  paused_reason text,
  outbound_webhook text,
  settings jsonb not null default '{}',
  channel text not null,
  joined_by text,
  announced_by text,
  created_at bigint not null,
  primary key (tenant_id, bridge_id),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id),
  foreign key (tenant_id, participant_id) references participants (tenant_id, participant_id)
);
create index bridges_by_room on bridges (tenant_id, room_id);

create table bridge_secrets (
  tenant_id uuid not null,
  bridge_id text not null,
  ordinal integer not null,
  sealed_secret bytea not null,
  created_at bigint not null,
  expires_at bigint,
  last_used_at bigint,
  use_count bigint not null default 0,
  primary key (tenant_id, bridge_id, ordinal),
  foreign key (tenant_id, bridge_id) references bridges (tenant_id, bridge_id)
) with (fillfactor = 70);

create table bridge_map (
  tenant_id uuid not null,
  bridge_id text not null,
  external_id text not null,
  part integer not null default 0,
  event_id text not null,
  primary key (tenant_id, bridge_id, external_id, part),
  foreign key (tenant_id, bridge_id) references bridges (tenant_id, bridge_id)
);
create index bridge_map_by_event on bridge_map (tenant_id, event_id, bridge_id);

create table deliveries (
  tenant_id uuid not null,
  delivery_id text not null,
  bridge_id text not null,
  event_id text not null,
  direction text not null check (direction in ('in', 'out')),
  seq bigint,
  form_seq bigint,
  state text not null check (state in ('waiting', 'delivered', 'parked')),
  attempts integer not null default 0,
  failures integer not null default 0,
  last_status integer,
  last_error text,
  last_ms integer,
  answer bytea,
  erased boolean not null default false,
  maybe_twice boolean not null default false,
  external_id text,
  next_attempt_at bigint,
  updated_at bigint not null,
  expires_at bigint,
  primary key (tenant_id, delivery_id),
  unique (tenant_id, bridge_id, event_id),
  foreign key (tenant_id, bridge_id) references bridges (tenant_id, bridge_id)
) with (fillfactor = 70);
create index deliveries_by_time on deliveries (tenant_id, bridge_id, updated_at);
create index deliveries_by_event on deliveries (tenant_id, event_id);
create index deliveries_waiting on deliveries (tenant_id, bridge_id, next_attempt_at) where state = 'waiting';
create index deliveries_by_expiry on deliveries (tenant_id, expires_at) where expires_at is not null;

create table bridge_intents (
  tenant_id uuid not null,
  bridge_id text not null,
  event_id text not null,
  part integer not null default 0,
  content_hash bytea,
  opened_at bigint not null,
  primary key (tenant_id, bridge_id, event_id, part),
  foreign key (tenant_id, bridge_id) references bridges (tenant_id, bridge_id)
);

create index entries_refused on entries (tenant_id, room_id, stream_position) where state = 'refused';
`;

const TENANT_TABLES = ['bridges', 'bridge_secrets', 'bridge_map', 'deliveries', 'bridge_intents'] as const;

export const bridges: Migration = {
  name: '0004-bridges',
  async up({ run, tenantTable }) {
    await run(TABLES);
    for (const table of TENANT_TABLES) await tenantTable(table);
  },
};
