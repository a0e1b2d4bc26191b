import type { Migration } from './migration.js';

/**
 * Uploaded files. `bytes` is what a row counts for in `tenant_usage.storage_bytes`: reserved while it is uploaded, the
 * size of the file once it is kept, nothing while it is erased. A message names a file in its content; the indexes find
 * the messages that do, by names that can be one: what a peer writes there may be longer than an index takes. `media_unnamed` lists files that an erased message named, until it is seen whether another does. The
 * duty that sweeps is made for tenants that are here already.
 */
const TABLES = `
create table media (
  tenant_id uuid not null references tenants (tenant_id),
  media_id text not null,
  participant_id uuid not null,
  state text not null check (state in ('uploading', 'kept', 'erasing')),
  bytes bigint not null check (bytes >= 0),
  lease_until timestamptz,
  name text not null,
  mime_type text,
  sha256 bytea,
  tenant_scope boolean not null default false,
  created_at bigint not null,
  primary key (tenant_id, media_id),
  foreign key (tenant_id, participant_id) references participants (tenant_id, participant_id)
) with (fillfactor = 70);
create index media_by_time on media (tenant_id, created_at) where state = 'kept';
create index media_by_person on media (tenant_id, participant_id, created_at) where state = 'kept';
create index media_unfinished on media (tenant_id, state, lease_until) where state <> 'kept';

create table media_unnamed (
  tenant_id uuid not null references tenants (tenant_id),
  media_id text not null,
  event_id text not null,
  primary key (tenant_id, media_id, event_id)
);

create index entries_by_media on entries (tenant_id, (content ->> 'media_id')) where length(content ->> 'media_id') <= 64;
create index entries_by_thumbnail on entries (tenant_id, (content ->> 'thumbnail_id')) where length(content ->> 'thumbnail_id') <= 64;
`;

/** The owner is bound by the policies as well, so they are lifted for the one statement that spans tenants. */
const DUTIES = `
alter table tenants no force row level security;
alter table consumers no force row level security;
insert into consumers (tenant_id, consumer_id, kind, due_at)
  select tenant_id, 'duty:media-sweep', 'duty', now() from tenants on conflict do nothing;
alter table consumers force row level security;
alter table tenants force row level security;
`;

export const media: Migration = {
  name: '0010-media',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('media');
    await tenantTable('media_unnamed');
    await run(DUTIES);
  },
};
