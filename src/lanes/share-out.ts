import type { ServerName } from '../kernel/ids.js';

/** The least that travels whole: an entry, an event, a start. */
export interface Piece {
  readonly bytes: number;
  /** Third servers whose descriptors must travel along, once each. */
  readonly authors: readonly ServerName[];
}

export interface Room {
  readonly pieces: number;
  readonly bytes: number;
  readonly authors: number;
  /** What each queue adds to its first piece. */
  readonly overheadBytes: number;
}

/**
 * How many pieces of each queue fit into one batch, one of each in turn. The first piece of all always fits, so that
 * nothing waits for ever.
 */
export function shareOut(queues: readonly (readonly Piece[])[], room: Room, priceOf: (author: ServerName) => number): readonly number[] {
  const taken = queues.map(() => 0);
  const authors = new Set<ServerName>();
  let pieces = 0;
  let bytes = 0;
  let open = queues.map((_, index) => index);
  while (open.length > 0 && pieces < room.pieces) {
    open = open.filter((index) => {
      const count = taken[index] ?? 0;
      const piece = queues[index]?.[count];
      if (piece === undefined || pieces >= room.pieces) return false;
      const unpaid = piece.authors.filter((author) => !authors.has(author));
      const keys = unpaid.reduce((sum, author) => sum + priceOf(author), 0);
      const cost = piece.bytes + keys + (count === 0 ? room.overheadBytes : 0);
      if (pieces > 0 && (bytes + cost > room.bytes || authors.size + unpaid.length > room.authors)) return false;
      for (const author of unpaid) authors.add(author);
      taken[index] = count + 1;
      pieces += 1;
      bytes += cost;
      return true;
    });
  }
  return taken;
}
