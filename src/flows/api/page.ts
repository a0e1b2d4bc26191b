/** Which part of a list is asked for. */
export interface PageRequest {
  readonly limit: number;
  readonly offset: number;
}

/** A part of a list, and how long the whole is: `data` and `meta.total` of the reply. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
}

/** A part of a list that is read on from a cursor: `data`, `meta.has_more` and `meta.next_cursor` of the reply. */
export interface CursorPage<T> {
  readonly items: readonly T[];
  readonly has_more: boolean;
  /** Where to read on; `null` when nothing was found. */
  readonly next_cursor: string | null;
}
