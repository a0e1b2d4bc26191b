import type { Migration } from './migration.js';

/** What ScaiGrid last said of each tenant's tokens, shared by all processes; and the duty that asks, for tenants that are here already. */
const TABLES = `
create table ai_usage (
  tenant_id uuid primary key references tenants (tenant_id),
  month text,
  tokens bigint check (tokens >= 0),
  as_of bigint,
  last_error text,
  busy_until bigint not null default 0
);
`;

/** The owner is bound by the policies as well, so they are lifted for the one statement that spans tenants. */
const DUTIES = `
alter table tenants no force row level security;
alter table consumers no force row level security;
insert into consumers (tenant_id, consumer_id, kind, due_at)
  select tenant_id, 'duty:ai-usage', 'duty', now() from tenants on conflict do nothing;
alter table consumers force row level security;
alter table tenants force row level security;
`;

export const aiUsage: Migration = {
  name: '0006-ai-usage',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('ai_usage');
    await run(DUTIES);
  },
};
