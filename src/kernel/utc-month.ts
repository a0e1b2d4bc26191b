/** `2026-11`: the month, in UTC, that a moment belongs to. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 'yyyy-mm'.length);
}

/** When a month, such as `2026-11`, began. */
export function startOfMonth(month: string): number {
  return Date.parse(`${month}-01T00:00:00.000Z`);
}

/** When the month of this moment began. */
export function monthStartMs(ms: number): number {
  return startOfMonth(monthOf(ms));
}

/** When the next month begins. */
export function monthEndMs(ms: number): number {
  const start = new Date(monthStartMs(ms));
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1);
}
