import type { Migration } from './migration.js';

/**
 * Shadows count while their bridge is there; those of bridges removed before were never given back. The owner is bound by
 * the policies as well, so they are lifted for the one statement that spans tenants.
 */
const RECOUNT = `
alter table tenant_usage no force row level security;
alter table participants no force row level security;
alter table bridges no force row level security;
update tenant_usage u set bridge_shadows = (select count(*) from participants p
  join bridges b on b.tenant_id = p.tenant_id and p.foreign_origin = 'bridge:' || b.bridge_id and p.participant_id <> b.participant_id
  where p.tenant_id = u.tenant_id);
alter table bridges force row level security;
alter table participants force row level security;
alter table tenant_usage force row level security;
`;

export const shadowCounts: Migration = {
  name: '0018-shadow-counts',
  async up({ run }) {
    await run(RECOUNT);
  },
};
