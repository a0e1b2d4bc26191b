/** `2026-11`: the month, in UTC, that a moment belongs to. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 'yyyy-mm'.length);
}

/** When the month of this moment began. */
export function monthStartMs(ms: number): number {
  return Date.parse(`${monthOf(ms)}-01T00:00:00.000Z`);
}

/** When the next month begins. */
export function monthEndMs(ms: number): number {
  const start = new Date(monthStartMs(ms));
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1);
}
