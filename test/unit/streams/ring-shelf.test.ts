import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { parseTenantId } from '../../../src/kernel/ids.js';
import { RingShelf } from '../../../src/streams/ring-shelf.js';

const BOUNDS = { messagesMax: 10, bytesMax: 1_000, allBytesMax: 2_000, keptMs: 1_000, repeatMs: 100, sweepMs: 500 };

describe('the rings of all tenants', () => {
  const said = (messageId: string) => ({ subject: 's', data: 'd', messageId });

  it('go when nothing is in them any more, but not while somebody waits there', async () => {
    const shelf = new RingShelf(BOUNDS);
    const [busy, awaited, ...idle] = Array.from({ length: 20 }, () => parseTenantId(randomUUID()));
    if (busy === undefined || awaited === undefined) throw new Error('tenants');
    for (const tenant of [busy, awaited, ...idle]) shelf.append(tenant, said('one'), 0);
    const stop = new AbortController();
    const waiting = shelf.of(awaited).appended(stop.signal);
    expect(shelf.size).to.equal(20);
    shelf.append(busy, said('two'), 5_000);
    expect(shelf.size).to.equal(2);
    stop.abort();
    await waiting;
    shelf.append(busy, said('three'), 6_000);
    expect(shelf.size).to.equal(1);
  });
});
