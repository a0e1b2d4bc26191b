import { AsyncLocalStorage } from 'node:async_hooks';

/** Marks the calls made while a database transaction is open, however deep. It carries no data. */
const openTransaction = new AsyncLocalStorage<true>();

export function insideTransaction<T>(work: () => Promise<T>): Promise<T> {
  return openTransaction.run(true, work);
}

/** A call that leaves the node would hold locks for as long as a stranger likes: that is a bug, so it is a plain Error. */
export function assertOutsideTransaction(): void {
  if (openTransaction.getStore() === true) throw new Error('a call left the node inside a database transaction');
}
