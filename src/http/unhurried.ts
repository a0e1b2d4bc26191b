import type { Duplex } from 'node:stream';

/**
 * Connections on which a request may take longer than others: a file is on its way. Node reports every request that is
 * over its time, once; what is listed here is left alone then, and closed after its answer.
 */
export class Unhurried {
  readonly #overdue = new Map<Duplex, boolean>();

  add(socket: Duplex): void {
    this.#overdue.set(socket, false);
  }

  /** True when Node's report was taken note of and nothing else shall follow. */
  excuses(error: NodeJS.ErrnoException, socket: Duplex): boolean {
    if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT' || !this.#overdue.has(socket)) return false;
    this.#overdue.set(socket, true);
    return true;
  }

  /** Says whether the request went over the time of others: Node watches that connection no more. */
  remove(socket: Duplex): boolean {
    const overdue = this.#overdue.get(socket) ?? false;
    this.#overdue.delete(socket);
    return overdue;
  }
}
