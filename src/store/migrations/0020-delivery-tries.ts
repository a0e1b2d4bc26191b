import type { Migration } from './migration.js';

/** The last tries of each delivery, the newest at the end: when it was posted, and what came of it. */
const COLUMN = "alter table deliveries add column tries jsonb not null default '[]'";

export const deliveryTries: Migration = {
  name: '0020-delivery-tries',
  async up({ run }) {
    await run(COLUMN);
  },
};
