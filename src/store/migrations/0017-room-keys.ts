import type { Migration } from './migration.js';

/** Keys of third servers as the home of a room carried them first; what it carries later must follow from them. */
const TABLES = `
create table room_keys (
  tenant_id uuid not null,
  room_id text not null,
  server_name text not null,
  serial bigint not null,
  descriptor jsonb not null,
  first_seen bigint not null,
  primary key (tenant_id, room_id, server_name),
  foreign key (tenant_id, room_id) references rooms (tenant_id, room_id)
);
`;

export const roomKeys: Migration = {
  name: '0017-room-keys',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('room_keys');
  },
};
