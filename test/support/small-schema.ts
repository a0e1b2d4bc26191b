import type { Migration } from '../../src/store/migrations/migration.js';

/** A schema of four tables, for tests of what holds for every schema. */
export const SMALL_SCHEMA: readonly Migration[] = [
  {
    name: '0001-small',
    async up({ run, tenantTable, appendOnlyTable, nameTable, spanning }) {
      await run(`
        create table names (kind text, value text, tenant_id uuid not null, primary key (kind, value));
        create table notes (
          tenant_id uuid not null, note_id integer not null, big bigint, body jsonb, secret text,
          primary key (tenant_id, note_id), constraint notes_small check (note_id < 1000)
        );
        create table logs (tenant_id uuid not null, at integer not null, primary key (tenant_id, at)) partition by range (at);
        create table trail (tenant_id uuid not null, seq integer not null default 1, word text, primary key (tenant_id, seq));
        create function trail_kept() returns trigger language plpgsql as 'begin return null; end';
        create trigger trail_kept before update or delete on trail for each statement execute function trail_kept();
        create table logs_1 partition of logs for values from (0) to (100);
      `);
      await nameTable('names');
      await tenantTable('notes');
      await tenantTable('logs');
      await appendOnlyTable('trail', ['tenant_id', 'word']);
      await spanning('notes', ['tenant_id', 'note_id']);
    },
  },
];
