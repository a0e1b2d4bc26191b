import type { Migration } from './migration.js';

/** The few places of a long copy that are withheld are found without reading all the others. */
const INDEX = "create index entries_withheld on entries (tenant_id, room_id, seq) where state = 'withheld';";

export const withheldPlaces: Migration = {
  name: '0019-withheld-places',
  async up({ run }) {
    await run(INDEX);
  },
};
