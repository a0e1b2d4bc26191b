import pg from 'pg';

const INT8 = 20;
const INT8_ARRAY = 1016;

/** How columns become values: bigint as number, refused where a number would round it. */
export function rowTypes(): InstanceType<typeof pg.TypeOverrides> {
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8, exactNumber);
  types.setTypeParser(INT8_ARRAY, (text) => text.slice(1, -1).split(',').filter(Boolean).map(exactOrNull));
  return types;
}

function exactNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('a bigint of the database is beyond 2^53');
  return value;
}

function exactOrNull(text: string): number | null {
  return text === 'NULL' ? null : exactNumber(text);
}
