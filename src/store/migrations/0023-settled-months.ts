import type { Migration } from './migration.js';

/** Whether ScaiGrid has told what a month came to after it was over. */
const COLUMN = `
alter table usage_months add column ai_settled boolean not null default false;
`;

export const settledMonths: Migration = {
  name: '0023-settled-months',
  async up({ run }) {
    await run(COLUMN);
  },
};
