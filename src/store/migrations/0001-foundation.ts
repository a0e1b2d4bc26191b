import type { Migration } from './migration.js';

/** Tenants, people, rooms and their log, cursors, peers. Times are milliseconds since 1970 unless a column says otherwise. */
const TABLES = `
create table tenant_names (
  kind text not null check (kind in ('slug', 'server_name', 'scaikey', 'bridge')),
  value text not null,
  tenant_id uuid not null,
  primary key (kind, value)
);

create table tenants (
  tenant_id uuid primary key,
  slug text not null,
  name text not null,
  scaikey_tenant_id text not null,
  partner_id text,
  server_name text not null,
  status text not null default 'active' check (status in ('active', 'suspended')),
  limits jsonb not null default '{}',
  features jsonb not null default '{}',
  ai jsonb not null default '{}',
  sealed_ai_key bytea,
  sealed_check bytea,
  federation_policy jsonb not null default '{}',
  descriptor_serial bigint not null default 1,
  created_at bigint not null
);

create table tenant_heads (
  tenant_id uuid primary key references tenants (tenant_id),
  stream_position bigint not null default 0,
  epoch bigint not null default 1,
  dirty boolean not null default false,
  dispatched bigint not null default 0
) with (fillfactor = 50);
create index tenant_heads_dirty on tenant_heads (tenant_id) where dirty;

create table tenant_usage (
  tenant_id uuid primary key references tenants (tenant_id),
  rooms integer not null default 0 check (rooms >= 0),
  participants integer not null default 0 check (participants >= 0),
  bridge_shadows integer not null default 0 check (bridge_shadows >= 0),
  federated_shadows integer not null default 0 check (federated_shadows >= 0),
  storage_bytes bigint not null default 0 check (storage_bytes >= 0),
  mirror_bytes bigint not null default 0 check (mirror_bytes >= 0)
) with (fillfactor = 50);

create table signing_keys (
  tenant_id uuid not null references tenants (tenant_id),
  key_id text not null,
  ordinal integer not null,
  public_key bytea not null,
  sealed_private_key bytea not null,
  not_before bigint not null,
  not_after bigint not null,
  revoked_at bigint,
  predecessor_signature text,
  primary key (tenant_id, key_id),
  unique (tenant_id, ordinal)
);

create table participants (
  tenant_id uuid not null references tenants (tenant_id),
  participant_id uuid not null,
  participant_type text not null check (participant_type in ('human', 'model', 'agent', 'helper', 'bridge', 'federated')),
  local_id text not null,
  server_name text not null,
  display_name text not null,
  avatar_url text,
  foreign_origin text,
  scaikey_subject text,
  counted_joins integer not null default 0 check (counted_joins >= 0),
  created_at bigint not null,
  primary key (tenant_id, participant_id),
  unique (tenant_id, server_name, local_id),
  unique (tenant_id, scaikey_subject)
);

create table rooms (
  tenant_id uuid not null references tenants (tenant_id),
  room_id text not null,
  log_name text not null,
  home text not null,
  phase text not null check (phase in ('hosted', 'joining', 'mirrored', 'left', 'refused')),
  room_type text not null check (room_type in ('group', 'dm', 'public', 'incognito')),
  visibility text not null default 'private' check (visibility in ('private', 'public', 'restricted')),
  read_role_slugs text[] not null default '{}',
  history text not null default 'invite' check (history in ('invite', 'beginning')),
  name text,
  topic text,
  creator text not null,
  federated boolean not null default false,
  state text not null default 'open' check (state in ('open', 'archived', 'closed')),
  dm_key text,
  frozen text,
  frozen_proof text,
  epoch bigint not null default 1,
  start_seq bigint not null default 0,
  head_seq bigint not null default 0,
  head_at bigint not null default 0,
  head_hash bytea not null,
  created_at bigint not null,
  primary key (tenant_id, room_id),
  unique (tenant_id, log_name),
  unique (tenant_id, dm_key)
) with (fillfactor = 70);
create index rooms_by_home on rooms (tenant_id, home);

create table members (
  tenant_id uuid not null,
  room_id text not null,
  participant_id uuid not null,
  fqid text not null,
  server_name text not null,
  membership text not null check (membership in ('invite', 'join', 'leave', 'ban', 'knock')),
  power integer not null default 0 check (power between 0 and 100),
  invited_by text,
  joined_at bigint,
  changed_seq bigint not null,
  primary key (tenant_id, room_id, participant_id),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id),
  foreign key (tenant_id, participant_id) references participants (tenant_id, participant_id)
);
create index members_by_person on members (tenant_id, participant_id, room_id);
create index members_by_server on members (tenant_id, room_id, server_name);

create table spans (
  tenant_id uuid not null,
  participant_id uuid not null,
  room_id text not null,
  since_position bigint not null,
  until_position bigint,
  primary key (tenant_id, participant_id, room_id, since_position),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id),
  foreign key (tenant_id, participant_id) references participants (tenant_id, participant_id)
);

create table read_marks (
  tenant_id uuid not null,
  participant_id uuid not null,
  room_id text not null,
  stream_position bigint not null,
  event_id text not null,
  primary key (tenant_id, participant_id, room_id),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id)
);

create table entries (
  tenant_id uuid not null,
  stream_position bigint not null,
  room_id text not null,
  seq bigint,
  at bigint,
  event_id text not null,
  origin text not null,
  wire_id text not null,
  event_type text not null,
  sender text not null,
  sender_id uuid,
  foreign_origin text,
  target text,
  event_hash bytea not null,
  dedupe_hash bytea not null,
  chain_hash bytea,
  jws text,
  content jsonb,
  relates_to text,
  via text[] not null default '{}',
  state text not null check (state in ('placed', 'pending', 'refused', 'withheld')),
  reason text,
  redacted_by bigint,
  origin_ts bigint not null,
  created_at bigint not null,
  primary key (tenant_id, stream_position),
  unique (tenant_id, room_id, seq),
  unique (tenant_id, event_id),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id)
);
create index entries_by_room on entries (tenant_id, room_id, stream_position);
create index entries_pending on entries (tenant_id, room_id, stream_position) where state = 'pending';
create index entries_state on entries (tenant_id, room_id, event_type, target, seq) where target is not null;
create index entries_related on entries (tenant_id, room_id, relates_to) where relates_to is not null;

create table invitations (
  tenant_id uuid not null,
  invitation_id text not null,
  participant_id uuid not null,
  log_name text not null,
  home text not null,
  inviter text not null,
  facts jsonb not null,
  status text not null check (status in ('open', 'accepted', 'declined', 'revoked', 'refused')),
  reason text,
  changed_seq bigint not null,
  decline_jws text,
  decline_state text,
  created_at bigint not null,
  primary key (tenant_id, invitation_id),
  unique (tenant_id, log_name, participant_id),
  foreign key (tenant_id, participant_id) references participants (tenant_id, participant_id)
);

create table intervals (
  tenant_id uuid not null,
  room_id text not null,
  server_name text not null,
  from_seq bigint not null,
  to_seq bigint,
  primary key (tenant_id, room_id, server_name, from_seq),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id)
);

create table consumers (
  tenant_id uuid not null references tenants (tenant_id),
  consumer_id text not null,
  kind text not null check (kind in ('peer', 'bridge', 'stream', 'duty')),
  due_at timestamptz,
  again boolean not null default false,
  token bigint not null default 0,
  attempts integer not null default 0,
  position bigint not null default 0,
  failing_since bigint,
  last_ok bigint,
  last_error text,
  primary key (tenant_id, consumer_id)
) with (fillfactor = 70);
create index consumers_due on consumers (due_at) where due_at is not null;

create table lanes (
  tenant_id uuid not null,
  room_id text not null,
  consumer_id text not null,
  mode text not null check (mode in ('invited', 'start', 'log', 'submit', 'bridge')),
  cursor bigint not null,
  end_seq bigint,
  receipt bigint,
  receipt_hash bytea,
  withheld bigint not null default 0,
  frozen text,
  primary key (tenant_id, room_id, consumer_id),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id),
  foreign key (tenant_id, consumer_id) references consumers (tenant_id, consumer_id)
) with (fillfactor = 70);
create index lanes_by_consumer on lanes (tenant_id, consumer_id, room_id);

create table peers (
  tenant_id uuid not null references tenants (tenant_id),
  server_name text not null,
  trust text not null check (trust in ('first-use', 'pinned', 'frozen')),
  serial bigint not null,
  descriptor jsonb not null,
  candidate jsonb,
  first_seen bigint not null,
  fetched_at bigint not null,
  last_seen bigint,
  last_error text,
  last_error_at bigint,
  primary key (tenant_id, server_name)
);

create table rejections (
  tenant_id uuid not null references tenants (tenant_id),
  rejection_id uuid not null,
  server_name text not null,
  code text not null,
  item text not null,
  room text,
  event_hash bytea,
  bytes integer not null,
  created_at bigint not null,
  expires_at bigint not null,
  primary key (tenant_id, rejection_id)
);
create index rejections_by_time on rejections (tenant_id, created_at);
create index rejections_by_expiry on rejections (tenant_id, expires_at);
`;

const TENANT_TABLES = [
  'tenants', 'tenant_heads', 'tenant_usage', 'signing_keys', 'participants', 'rooms', 'members', 'spans', 'read_marks',
  'entries', 'invitations', 'intervals', 'consumers', 'lanes', 'peers', 'rejections',
] as const;

export const foundation: Migration = {
  name: '0001-foundation',
  async up({ run, tenantTable, nameTable, spanning }) {
    await run(TABLES);
    for (const table of TENANT_TABLES) await tenantTable(table);
    await nameTable('tenant_names');
    await spanning('tenants', ['tenant_id', 'slug', 'name', 'status', 'partner_id', 'server_name', 'created_at']);
    await spanning('tenant_heads', ['tenant_id', 'dirty', 'stream_position']);
    await spanning('consumers', ['tenant_id', 'consumer_id', 'kind', 'due_at']);
  },
};
