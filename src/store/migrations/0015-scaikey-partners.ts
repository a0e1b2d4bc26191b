import type { Migration } from './migration.js';

/** Partners are reconciled apart from tenants: a token that may not see them must not keep tenants from being found. */
export const scaikeyPartners: Migration = {
  name: '0015-scaikey-partners',
  async up({ run }) {
    await run(`
      alter table scaikey_runs
        drop constraint scaikey_runs_part_check,
        add constraint scaikey_runs_part_check check (part in ('directory', 'partners', 'people'));
    `);
  },
};
