import type { Migration } from './migration.js';

/**
 * A place that is filled later takes a new stream position, so that those who follow learn of it. Who may read it is
 * still decided by the position at which the place came: whoever joined since was not there.
 */
const FILLED_PLACES = `
alter table entries add column first_position bigint;

create function keep_first_position() returns trigger language plpgsql as $$
begin
  new.first_position := coalesce(old.first_position, old.stream_position);
  return new;
end $$;

create trigger entries_first_position before update of stream_position on entries
  for each row when (old.state = 'withheld') execute function keep_first_position();
`;

export const filledPlaces: Migration = {
  name: '0007-filled-places',
  async up({ run }) {
    await run(FILLED_PLACES);
  },
};
