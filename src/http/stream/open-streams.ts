import type { Caller } from '../../kernel/caller.js';

interface Closable {
  close(): void;
}

/** Streams by person. When one has too many, the oldest makes room for the newest. */
export class OpenStreams<S extends Closable> {
  private readonly byPerson = new Map<string, Set<S>>();
  private count = 0;

  constructor(private readonly perPersonMax: number) {}

  add(caller: Caller, stream: S): void {
    const key = keyOf(caller);
    const open = this.byPerson.get(key) ?? new Set();
    this.byPerson.set(key, open.add(stream));
    this.count += 1;
    const [oldest] = open;
    if (open.size <= this.perPersonMax || oldest === undefined) return;
    this.remove(caller, oldest);
    oldest.close();
  }

  remove(caller: Caller, stream: S): void {
    const key = keyOf(caller);
    const open = this.byPerson.get(key);
    if (open?.delete(stream) === true) this.count -= 1;
    if (open?.size === 0) this.byPerson.delete(key);
  }

  get size(): number {
    return this.count;
  }
}

function keyOf({ ctx, participantId }: Caller): string {
  return `${ctx.tenantId}/${participantId}`;
}
