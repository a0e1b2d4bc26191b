type Cell = string | number | boolean | null;

/** What a spreadsheet would take for a formula is text: names are what somebody else chose. */
const FORMULA = /^[=+\-@\t\r]/;

/** RFC 4180, with the names of the columns first; `null` is empty. */
export function csvOf<C extends string>(columns: readonly C[], rows: readonly Readonly<Record<C, Cell>>[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))];
  return lines.map((cells) => `${cells.map(cellOf).join(',')}\r\n`).join('');
}

function cellOf(value: Cell): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
