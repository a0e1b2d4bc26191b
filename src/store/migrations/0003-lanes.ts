import type { Migration } from './migration.js';

/**
 * What a lane remembers of refusals, so that one room's trouble rests alone and a run that cannot be taken is halved
 * until its culprit stands alone; the receipt as its peer signed it, to be shown to whoever doubts; the places it leaves
 * out for its one mirror; and whether a consumer is being served, so that news can end a wait without ending a lease.
 */
const TABLES = `
alter table lanes
  add column generation bigint not null default 0,
  add column refused_code text,
  add column refused_times integer not null default 0,
  add column run_limit integer,
  add column rest_until bigint,
  add column accepted_at bigint,
  add column proof text,
  add column receipt_jws text;

alter table consumers add column leased boolean not null default false;

create table lane_withheld (
  tenant_id uuid not null,
  room_id text not null,
  consumer_id text not null,
  seq bigint not null,
  code text not null,
  created_at bigint not null,
  primary key (tenant_id, room_id, consumer_id, seq),
  foreign key (tenant_id, room_id, consumer_id) references lanes (tenant_id, room_id, consumer_id)
);
`;

export const laneTroubles: Migration = {
  name: '0003-lanes',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('lane_withheld');
  },
};
