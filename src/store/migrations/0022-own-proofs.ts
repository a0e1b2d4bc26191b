import type { Migration } from './migration.js';

/** What we signed ourselves and what stands against a peer's word where two logs have one name. */
const COLUMNS = `
alter table rooms add column frozen_own_proof text;
alter table lanes add column own_proof text;
`;

export const ownProofs: Migration = {
  name: '0022-own-proofs',
  async up({ run }) {
    await run(COLUMNS);
  },
};
