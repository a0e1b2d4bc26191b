/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const at = (x: number, y: number): number => (x === i ? row[y] : rows[x]?.[y]) ?? Infinity;
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1), swapped ? at(i - 2, j - 2) + 1 : Infinity));
    }
    rows.push(row);
  }
  return rows.at(-1)?.at(-1) ?? Infinity;
}

/** The known name that `name` was probably meant to be, if one is near enough to say so. */
export function nearMiss(name: string, known: readonly string[]): string | undefined {
  const edits = (candidate: string): number => distance(name.toUpperCase(), candidate);
  const nearest = known.map((candidate) => ({ candidate, edits: edits(candidate) })).sort((a, b) => a.edits - b.edits)[0];
  return nearest !== undefined && nearest.edits <= 3 ? nearest.candidate : undefined;
}
