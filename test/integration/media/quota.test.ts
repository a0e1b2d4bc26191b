import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { eventually, gateways, twinOf, type Gateway } from '../../support/gateway.js';
import { tokenOf } from '../../support/http-caller.js';
import { readReply } from '../../support/raw-http.js';
import { counted, filesOf, limitStorage, MEGABYTE, putForm, putRaw, request, seen, storageBytes, type MediaSeen, type Reply } from '../../support/uploads.js';

describe('what files count for', function () {
  this.timeout(120_000);
  let first: Gateway;
  let nodes: readonly Gateway[];

  beforeEach(async () => {
    const [only] = await gateways(['first.example']);
    if (only === undefined) throw new Error('one gateway');
    first = only;
    nodes = [first, await twinOf(first, [])];
    await first.ask('ann', 'GET', '/v1/me');
  });
  afterEach(async () => {
    for (const twin of nodes.slice(1)) await twin.stop();
    await first.end();
  });

  const at = (index: number): Gateway => nodes[index % nodes.length] ?? first;
  const tally = (replies: readonly Reply[]): Record<string, number> => {
    const words = replies.map(({ status, code }) => code ?? String(status));
    return Object.fromEntries([...new Set(words)].sort().map((word) => [word, words.filter((other) => other === word).length]));
  };
  const unfinished = (): Promise<object[]> => first.database.asOwner("select state, bytes from media where state <> 'kept'");
  /** Nothing is under way, and the counter, the rows and the disk say the same. */
  async function settled(): Promise<void> {
    await eventually(async () => (await unfinished()).length === 0);
    const [counter, rows] = await counted(first.database);
    expect(counter).to.equal(rows);
    const kept = await first.database.asOwner<{ media_id: string }>('select media_id from media order by media_id');
    expect(await filesOf(first)).to.deep.equal(kept.map(({ media_id }) => media_id));
  }

  /** What nobody carries on with, since its connection was cut, goes with the sweep; here without the two minutes before. */
  async function abandonedGoes(): Promise<boolean> {
    if ((await unfinished()).length === 0) return true;
    await first.database.asOwner("update media set lease_until = now() where state <> 'kept'");
    await first.database.asOwner("update consumers set due_at = now() where consumer_id = 'duty:media-sweep' and not leased");
    return false;
  }

  for (const [title, put] of [['as bodies', (node: Gateway, bytes: Buffer) => putRaw(node, 'ann', bytes)], ['as forms', (node: Gateway, bytes: Buffer) => putForm(node, 'ann', bytes, 'a.bin')]] as const) {
    it(`is exactly the limit when a hundred come at once ${title}, and what is deleted makes place`, async () => {
      await limitStorage(first.database, 1);
      const bytes = randomBytes(MEGABYTE / 32);
      const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => put(at(index), bytes)));
      expect(tally(replies)).to.deep.equal({ 200: 32, SW_TENANT_CAPACITY: 68 });
      expect(await storageBytes(first.database)).to.equal(MEGABYTE);
      const kept = replies.filter(({ status }) => status === 200).slice(0, 3).map(seen);
      await Promise.all(kept.map(({ media_id }, index) => request(at(index), 'ann', 'DELETE', `/v1/media/${media_id}`)));
      expect(tally(await Promise.all(Array.from({ length: 20 }, (_, index) => put(at(index), bytes))))).to.deep.equal({ 200: 3, SW_TENANT_CAPACITY: 17 });
      await settled();
    });
  }

  it('takes nothing away when the limit is lowered below it, and counts the raised limit at once', async () => {
    const media = seen(await putRaw(first, 'ann', randomBytes(2 * MEGABYTE)));
    await limitStorage(first.database, 1);
    expect((await putRaw(first, 'ann', randomBytes(1))).code).to.equal('SW_TENANT_CAPACITY');
    expect((await request(first, 'ann', 'GET', `/v1/media/download/${media.media_id}`)).status).to.equal(200);
    await limitStorage(first.database, 3);
    expect((await putRaw(first, 'ann', randomBytes(MEGABYTE))).status).to.equal(200);
    expect((await putRaw(first, 'ann', randomBytes(1))).code).to.equal('SW_TENANT_CAPACITY');
  });

  /** An upload of `length` bytes of which some have come. */
  async function begun(length: number): Promise<Socket> {
    const socket = connect(Number(new URL(first.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`POST /v1/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokenOf('ann')}\r\nContent-Length: ${length}\r\n\r\nhello`);
    await eventually(async () => (await unfinished()).length === 1);
    expect(await storageBytes(first.database)).to.equal(length);
    return socket;
  }

  it('comes back at once when the client goes in the middle', async () => {
    (await begun(1_000_000)).destroy();
    await settled();
    expect(await counted(first.database)).to.deep.equal([0, 0]);
  });

  it('comes back when the tenant is suspended in the middle', async () => {
    const socket = await begun(10);
    await first.database.asOwner("update tenants set status = 'suspended'");
    socket.write('world');
    const reply = await readReply(socket);
    expect([reply.status, reply.body]).to.satisfy(([status, body]: [number, string]) => status === 403 && body.includes('SW_TENANT_SUSPENDED'));
    socket.destroy();
    await settled();
    expect(await counted(first.database)).to.deep.equal([0, 0]);
  });

  it('comes back from an upload that nobody carries on with, as soon as another needs the place', async () => {
    await limitStorage(first.database, 1);
    const socket = await begun(MEGABYTE);
    expect((await putRaw(first, 'ann', randomBytes(10))).code).to.equal('SW_TENANT_CAPACITY');
    await first.database.asOwner('update media set lease_until = now()');
    expect((await putRaw(first, 'ann', randomBytes(10))).status).to.equal(200);
    socket.write(Buffer.alloc(MEGABYTE - 'hello'.length));
    expect((await readReply(socket)).status).to.equal(503);
    socket.destroy();
    await first.database.asOwner("update consumers set due_at = now() where consumer_id = 'duty:media-sweep'");
    await settled();
    expect(await storageBytes(first.database)).to.equal(10);
  });

  it('is the sum of the rows, and of what is on the disk, after whatever was done at once, with connections cut in between', async () => {
    await limitStorage(first.database, 2);
    const size = fc.integer({ min: 1, max: 400_000 });
    const act = fc.oneof(
      fc.record({ does: fc.constant('raw' as const), size }),
      fc.record({ does: fc.constant('form' as const), size }),
      fc.record({ does: fc.constant('pieces' as const), size }),
      fc.record({ does: fc.constant('cut' as const), size }),
      fc.record({ does: fc.constant('delete' as const), size }),
      fc.record({ does: fc.constant('crash' as const), size }),
    );
    const held: MediaSeen[] = [];
    const run = async ({ does, size: length }: { readonly does: string; readonly size: number }, index: number): Promise<void> => {
      const bytes = randomBytes(length);
      const node = at(index);
      if (does === 'crash') {
        await first.database.asOwner('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename <> current_user');
      } else if (does === 'delete') {
        const [media] = held.splice(0, 1);
        if (media !== undefined) await request(node, 'ann', 'DELETE', `/v1/media/${media.media_id}`);
      } else if (does === 'cut') {
        const half = new ReadableStream({ start: (to) => to.enqueue(bytes), pull: (to) => to.error(new Error('cut')) });
        await fetch(`${node.url}/v1/media/upload`, { method: 'POST', headers: { authorization: `Bearer ${tokenOf('ann')}` }, body: half, duplex: 'half' }).catch(() => undefined);
      } else if (does === 'pieces') {
        const whole = new ReadableStream({ start: (to) => (to.enqueue(bytes), to.close()) });
        await fetch(`${node.url}/v1/media/upload`, { method: 'POST', headers: { authorization: `Bearer ${tokenOf('ann')}` }, body: whole, duplex: 'half' }).then((response) => response.text());
      } else {
        const reply = does === 'raw' ? await putRaw(node, 'ann', bytes) : await putForm(node, 'ann', bytes, 'a');
        if (reply.status === 200) held.push(seen(reply));
        else expect(reply.code).to.be.oneOf(['SW_TENANT_CAPACITY', 'SW_UNAVAILABLE']);
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 30 }), async (acts) => {
        await Promise.all(acts.map(run));
        await eventually(abandonedGoes);
        await settled();
        expect(await storageBytes(first.database)).to.be.at.most(2 * MEGABYTE);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});
