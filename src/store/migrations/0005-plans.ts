import type { Migration } from './migration.js';

/** What a room's AI means to do. Plans of a room are numbered; the newest is its current one, and at most one is live. */
const TABLES = `
create table plans (
  tenant_id uuid not null,
  plan_id text not null,
  room_id text not null,
  number integer not null,
  goal text not null,
  mode text not null check (mode in ('sequential', 'parallel')),
  advance text not null check (advance in ('auto', 'manual')),
  venue text not null check (venue in ('main', 'sidekick')),
  state text not null check (state in ('draft', 'running', 'paused', 'done', 'failed', 'cancelled')),
  steps jsonb not null,
  revision integer not null default 1,
  author_id uuid not null,
  created_at bigint not null,
  updated_at bigint not null,
  ended_at bigint,
  primary key (tenant_id, plan_id),
  unique (tenant_id, room_id, number),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id),
  foreign key (tenant_id, author_id) references participants (tenant_id, participant_id)
);
create unique index plans_live on plans (tenant_id, room_id) where state in ('draft', 'running', 'paused');
`;

export const plans: Migration = {
  name: '0005-plans',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('plans');
  },
};
