import type { Migration } from './migration.js';

/** As whom models take part; one of each model is its main one. */
const TABLES = `
create table model_participants (
  tenant_id uuid not null,
  participant_id uuid not null,
  model text not null,
  is_main boolean not null,
  system_prompt text,
  default_response_mode text not null check (default_response_mode in ('streaming', 'conversational')),
  enabled boolean not null,
  primary key (tenant_id, participant_id),
  foreign key (tenant_id, participant_id) references participants (tenant_id, participant_id)
);
create unique index model_participants_main on model_participants (tenant_id, model) where is_main;
`;

export const modelParticipants: Migration = {
  name: '0009-model-participants',
  async up({ run, tenantTable }) {
    await run(TABLES);
    await tenantTable('model_participants');
  },
};
