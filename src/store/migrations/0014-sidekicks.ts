import type { Migration } from './migration.js';

/**
 * Tasks given to sidekicks. A row holds a slot while it is spawning or running; `told` is false while an end is still to
 * be said in its room. The token is kept as a hash, and sealed until the task has been handed over.
 */
const TABLES = `
alter table rooms
  drop constraint rooms_room_type_check,
  add constraint rooms_room_type_check check (room_type in ('group', 'dm', 'public', 'incognito', 'sidekick'));

alter table tenant_usage add column sidekicks integer not null default 0 check (sidekicks >= 0);

create table sidekicks (
  tenant_id uuid not null,
  task_id text not null,
  room_id text not null,
  sidekick_room_id text not null,
  agent_id uuid not null,
  spawner_id uuid not null,
  codename text not null,
  task text not null,
  context_mode text not null check (context_mode in ('task_only', 'full')),
  model_id text,
  timeout_seconds integer not null,
  status text not null default 'spawning' check (status in ('spawning', 'running', 'done', 'failed', 'cancelled', 'timed_out')),
  token_hash bytea,
  sealed_token bytea,
  attempts integer not null default 0,
  next_attempt_at bigint not null default 0,
  handed_over_at bigint,
  progress text,
  result text,
  error text,
  told boolean not null default true,
  deadline bigint not null,
  created_at bigint not null,
  started_at bigint,
  ended_at bigint,
  primary key (tenant_id, task_id),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id),
  foreign key (tenant_id, sidekick_room_id) references rooms (tenant_id, room_id),
  foreign key (tenant_id, agent_id) references participants (tenant_id, participant_id),
  foreign key (tenant_id, spawner_id) references participants (tenant_id, participant_id)
) with (fillfactor = 70);
create index sidekicks_by_room on sidekicks (tenant_id, room_id, created_at);
create index sidekicks_by_spawner on sidekicks (tenant_id, spawner_id, created_at);
create index sidekicks_live on sidekicks (tenant_id, spawner_id) where status in ('spawning', 'running');
create index sidekicks_untold on sidekicks (tenant_id, ended_at) where not told;
create index sidekicks_by_end on sidekicks (tenant_id, ended_at) where ended_at is not null;
`;

export const sidekicks: Migration = {
  name: '0014-sidekicks',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('sidekicks');
  },
};
