import type { Migration } from './migration.js';

/**
 * The node keeps no read markers (specs/decisions/0020-documented-not-served-here.md). No version of it ever read or wrote
 * the table, so that processes of an older one go on without it.
 */
export const noReadMarks: Migration = {
  name: '0024-no-read-marks',
  async up({ dropTable }) {
    await dropTable('read_marks');
  },
};
