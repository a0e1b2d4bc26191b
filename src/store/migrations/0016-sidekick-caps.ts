import type { Migration } from './migration.js';

/** What a task has used, as its worker says: whole numbers over the whole task, which never fall. */
const COLUMNS = `
alter table sidekicks
  add column steps integer not null default 0 check (steps >= 0),
  add column tokens bigint not null default 0 check (tokens >= 0);
`;

export const sidekickCaps: Migration = {
  name: '0016-sidekick-caps',
  async up({ run }) {
    await run(COLUMNS);
  },
};
