import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { connect, type NatsConnection } from 'nats';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseRoomId, parseTenantId, type RoomId } from '../../../src/kernel/ids.js';
import type { EphemeralMessage, RoomStreams, StreamFilter, StreamMessage, TenantScope } from '../../../src/kernel/ports.js';
import { localWake, systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { LocalStreams } from '../../../src/streams/local-streams.js';
import { NatsLink } from '../../../src/streams/nats-link.js';
import { NatsStreams } from '../../../src/streams/nats-streams.js';
import { NatsWake } from '../../../src/streams/nats-wake.js';
import { allRoomsSubject } from '../../../src/streams/stream-wire.js';
import { ownNats, type OwnProcess } from '../../support/processes.js';
import { describeWith, describeWithOwn, namedService, ranAgainst } from '../../support/services.js';
import { silentLog, silentMeter } from '../../support/silent-ports.js';

const NAMED_NATS = namedService('nats');

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function tenant(): TenantScope {
  return { tenantId: parseTenantId(randomUUID()) };
}

function room(): RoomId {
  return parseRoomId(`room-${randomUUID()}`);
}

function message(ctx: TenantScope, roomId: RoomId, text: string, more: Partial<StreamMessage> = {}): StreamMessage {
  return { tenantId: ctx.tenantId, roomId, kind: 'message', messageId: randomUUID(), payload: { text }, ...more };
}

function textOf({ payload }: StreamMessage): unknown {
  return 'text' in payload ? payload.text : undefined;
}

/** Reads until `count` came, or for `ms`. */
async function take(streams: RoomStreams, ctx: TenantScope, filter: StreamFilter, count: number, ms = 3_000): Promise<StreamMessage[]> {
  const taken: StreamMessage[] = [];
  for await (const one of streams.subscribe(ctx, filter, AbortSignal.timeout(ms))) {
    taken.push(one);
    if (taken.length === count) break;
  }
  return taken;
}

/** What all room streams must do. */
function behavesAsRoomStreams(opened: () => RoomStreams): void {
  it('hands over what was published, in order, with tenant, room and kind', async () => {
    const [ctx, roomId, sinceMs] = [tenant(), room(), Date.now() - 1_000];
    await opened().publish(['one', 'two', 'three'].map((text) => message(ctx, roomId, text)));
    const taken = await take(opened(), ctx, { sinceMs }, 3);
    expect(taken.map(textOf)).to.deep.equal(['one', 'two', 'three']);
    expect(taken[0]).to.deep.include({ tenantId: ctx.tenantId, roomId, kind: 'message' });
    expect(taken[0]?.payload).to.deep.equal({ text: 'one', tenant_id: ctx.tenantId, room_id: roomId });
  });

  it('hands over what is published while a reader waits', async () => {
    const [ctx, roomId] = [tenant(), room()];
    const waiting = take(opened(), ctx, {}, 1);
    await sleep(300);
    await opened().publish([message(ctx, roomId, 'late')]);
    expect((await waiting).map(textOf)).to.deep.equal(['late']);
  });

  it('leaves out what is older than asked for', async () => {
    const [ctx, roomId] = [tenant(), room()];
    await opened().publish([message(ctx, roomId, 'old')]);
    await sleep(50);
    const sinceMs = Date.now();
    await sleep(50);
    await opened().publish([message(ctx, roomId, 'new')]);
    expect((await take(opened(), ctx, { sinceMs }, 1)).map(textOf)).to.deep.equal(['new']);
  });

  it('keeps a reader of one room to that room', async () => {
    const [ctx, wanted, other, sinceMs] = [tenant(), room(), room(), Date.now() - 1_000];
    await opened().publish([message(ctx, other, 'no'), message(ctx, wanted, 'yes'), message(ctx, other, 'no')]);
    expect((await take(opened(), ctx, { roomId: wanted, sinceMs }, 2, 400)).map(textOf)).to.deep.equal(['yes']);
  });

  it('carries kinds of several words, and kinds no subject could', async () => {
    const [ctx, roomId, sinceMs] = [tenant(), room(), Date.now() - 1_000];
    const kinds = ['message.edit', 'reaction.remove', 'odd kind>*', 'a..b', ''];
    await opened().publish(kinds.map((kind) => message(ctx, roomId, kind, { kind })));
    expect((await take(opened(), ctx, { sinceMs }, 5)).map(({ kind }) => kind)).to.deep.equal(['message.edit', 'reaction.remove', 'odd_kind__', 'a._.b', '_']);
  });

  it('takes every message of an event out again, of that event and that tenant alone', async () => {
    const [one, two, roomId, sinceMs] = [tenant(), tenant(), room(), Date.now() - 1_000];
    const said = (ctx: TenantScope, event: string, position: number): StreamMessage => message(ctx, roomId, `${event} at ${position}`, { messageId: `${event}:${position}`, kind: position === 1 ? 'message' : 'message.edit' });
    await opened().publish([said(one, 'evt-gone', 1), said(one, 'evt-stays', 2), said(one, 'evt-gone', 3), said(one, 'evt-gone-not', 4), said(two, 'evt-gone', 1)]);
    await opened().erase(one, roomId, ['evt-gone', 'evt-never']);
    await opened().publish([said(one, 'evt-later', 5)]);
    expect((await take(opened(), one, { sinceMs }, 4, 600)).map(textOf)).to.deep.equal(['evt-stays at 2', 'evt-gone-not at 4', 'evt-later at 5']);
    expect((await take(opened(), two, { sinceMs }, 2, 600)).map(textOf)).to.deep.equal(['evt-gone at 1']);
  });

  it('takes nothing out of a room that says nothing', async () => {
    await opened().erase(tenant(), room(), ['evt-never']);
  });

  it('drops a message that comes again, and not the one of another tenant under the same id', async () => {
    const [one, two, roomId, sinceMs] = [tenant(), tenant(), room(), Date.now() - 1_000];
    const messageId = randomUUID();
    await opened().publish([message(one, roomId, 'first', { messageId }), message(two, roomId, 'other', { messageId })]);
    await opened().publish([message(one, roomId, 'again', { messageId })]);
    const taken = await take(opened(), one, { sinceMs }, 2, 400);
    expect(taken.map(textOf)).to.deep.equal(['first']);
    expect(taken[0]?.messageId).to.equal(messageId);
    expect((await take(opened(), two, { sinceMs }, 2, 400)).map(textOf)).to.deep.equal(['other']);
  });

  it('shows nothing of a busy tenant to a reader of all rooms of another', async () => {
    const [mine, theirs, sinceMs] = [tenant(), tenant(), Date.now() - 1_000];
    const rooms = [room(), room(), room()];
    const at = (index: number): RoomId => rooms[index % 3] ?? room();
    // The same rooms ids in both tenants: nothing but the tenant tells them apart.
    const [own, foreign] = [mine, theirs].map((ctx, side) => Array.from({ length: 600 }, (_, index) => message(ctx, at(index), `${side}-${index}`)));
    const reading = Promise.all([take(opened(), mine, { sinceMs }, 600), take(opened(), theirs, { sinceMs }, 600)]);
    await Promise.all([opened().publish(own ?? []), opened().publish(foreign ?? [])]);
    const [mineTaken, theirsTaken] = await reading;
    expect(mineTaken.map(textOf)).to.deep.equal((own ?? []).map(textOf));
    expect(theirsTaken.map(textOf)).to.deep.equal((foreign ?? []).map(textOf));
  });

  it('names the tenant even when a payload names another', async () => {
    const [ctx, victim, roomId, sinceMs] = [tenant(), tenant(), room(), Date.now() - 1_000];
    await opened().publish([message(ctx, roomId, 'x', { payload: { tenant_id: victim.tenantId, text: 'forged' } })]);
    expect(await take(opened(), victim, { sinceMs }, 1, 300)).to.deep.equal([]);
    expect((await take(opened(), ctx, { sinceMs }, 1)).map(textOf)).to.deep.equal(['forged']);
  });

  it('ends with its signal', async () => {
    const startedMs = performance.now();
    expect(await take(opened(), tenant(), {}, 1, 100)).to.deep.equal([]);
    expect(performance.now() - startedMs).to.be.lessThan(1_500);
  });

  it('passes typing and presence to the tenant only, and keeps neither', async () => {
    const [ctx, other, roomId] = [tenant(), tenant(), room()];
    const heard: EphemeralMessage[] = [];
    const foreign: EphemeralMessage[] = [];
    const ends = [opened().subscribeEphemeral(ctx, (one) => heard.push(one)), opened().subscribeEphemeral(other, (one) => foreign.push(one))];
    await sleep(50);
    const typing: EphemeralMessage = { tenantId: ctx.tenantId, roomId, kind: 'typing', payload: { who: 'anna' } };
    const presence: EphemeralMessage = { tenantId: ctx.tenantId, kind: 'presence', payload: { who: 'anna' } };
    opened().publishEphemeral(typing);
    opened().publishEphemeral(presence);
    await sleep(100);
    for (const end of ends) end();
    opened().publishEphemeral(typing);
    await sleep(50);
    expect(heard).to.deep.equal([typing, presence]);
    expect(foreign).to.deep.equal([]);
    expect(await take(opened(), ctx, { sinceMs: Date.now() - 1_000 }, 1, 200)).to.deep.equal([]);
  });
}

describe('local streams', () => {
  const ROOMY = { messagesMax: 1_000, bytesMax: 1_000_000, allBytesMax: 1_000_000, keptMs: 1_000_000, repeatMs: 100, sweepMs: 1_000_000 };
  const streams = new LocalStreams(systemClock);
  behavesAsRoomStreams(() => streams);

  it('keeps no more than its bound and nothing over its time', async () => {
    let nowMs = 0;
    const small = new LocalStreams({ nowMs: () => nowMs }, { ...ROOMY, messagesMax: 3, keptMs: 1_000 });
    const [ctx, roomId] = [tenant(), room()];
    await small.publish(['a', 'b', 'c', 'd'].map((text) => message(ctx, roomId, text)));
    expect((await take(small, ctx, { sinceMs: 0 }, 4, 50)).map(textOf)).to.deep.equal(['b', 'c', 'd']);
    nowMs = 2_000;
    await small.publish([message(ctx, roomId, 'e')]);
    expect((await take(small, ctx, { sinceMs: 0 }, 4, 50)).map(textOf)).to.deep.equal(['e']);
  });

  it('keeps no more bytes than its bound, the newest of each tenant', async () => {
    const small = new LocalStreams({ nowMs: () => 0 }, { ...ROOMY, bytesMax: 4_000 });
    const [one, two, roomId] = [tenant(), tenant(), room()];
    await small.publish(['a', 'b', 'c', 'd'].map((letter) => message(one, roomId, letter.repeat(1_200))));
    await small.publish([message(two, roomId, 'other')]);
    const letters = (await take(small, one, { sinceMs: 0 }, 4, 50)).map((kept) => String(textOf(kept)).charAt(0));
    expect(letters).to.deep.equal(['c', 'd']);
    expect((await take(small, two, { sinceMs: 0 }, 2, 50)).map(textOf)).to.deep.equal(['other']);
  });

  it('keeps no more bytes than the bound of all tenants, whose eldest messages give way', async () => {
    let nowMs = 0;
    const small = new LocalStreams({ nowMs: () => (nowMs += 1) }, { ...ROOMY, allBytesMax: 6_000 });
    const [one, two, roomId] = [tenant(), tenant(), room()];
    for (const [ctx, letter] of [[one, 'a'], [two, 'b'], [one, 'c'], [two, 'd'], [two, 'e'], [two, 'f']] as const) await small.publish([message(ctx, roomId, letter.repeat(1_200))]);
    const letters = async (ctx: TenantScope): Promise<unknown> => (await take(small, ctx, { sinceMs: 0 }, 4, 50)).map((kept) => String(textOf(kept)).charAt(0));
    expect([await letters(one), await letters(two)]).to.deep.equal([['c'], ['d', 'e', 'f']]);
    await small.publish([message(one, roomId, 'g'.repeat(4_000))]);
    expect([await letters(one), await letters(two)]).to.deep.equal([['g'], ['f']]);
  });

  it('loses no reader’s place with a ring that had nothing more in it', async () => {
    let nowMs = 0;
    const small = new LocalStreams({ nowMs: () => nowMs }, { ...ROOMY, keptMs: 1_000, sweepMs: 500 });
    const [idle, busy, roomId] = [tenant(), tenant(), room()];
    const reading = small.subscribe(idle, { sinceMs: 0 }, AbortSignal.timeout(5_000))[Symbol.asyncIterator]();
    const waiting = small.subscribe(busy, {}, AbortSignal.timeout(5_000))[Symbol.asyncIterator]();
    const next = async (reader: AsyncIterator<StreamMessage>): Promise<unknown> => textOf((await reader.next()).value as StreamMessage);
    await small.publish([message(idle, roomId, 'first'), message(idle, roomId, 'lost with time')]);
    expect(await next(reading)).to.equal('first');
    nowMs = 5_000;
    const [first] = await Promise.all([next(waiting), small.publish([message(busy, roomId, 'sweeps')])]);
    expect(first).to.equal('sweeps');
    await small.publish([message(idle, roomId, 'anew')]);
    expect(await next(reading)).to.equal('anew');
  });
});

describeWith('nats', 'nats streams', () => {
  let own: OwnProcess | undefined;
  let url = NAMED_NATS ?? '';
  const opened: NatsLink[] = [];
  const unique = `scaiwave-test-${randomUUID().slice(0, 8)}`;
  const prefix = `${unique}.`;
  let link: NatsLink;
  let streams: NatsStreams;

  function open(at: string): NatsLink {
    const made = new NatsLink({ url: at, stream: unique, keeps: allRoomsSubject(prefix) }, systemTimers, silentLog);
    opened.push(made);
    return made;
  }

  before(async () => {
    if (url === '') {
      own = await ownNats();
      url = `nats://127.0.0.1:${own.port}`;
    }
    link = open(url);
    await link.opened();
    streams = new NatsStreams(link, prefix, silentMeter);
    ranAgainst('room streams', NAMED_NATS === undefined ? 'a nats-server of its own' : 'the NATS named by SCAIWAVE_TEST_NATS_URL');
  });

  it('keep what was published for 24 hours, on the disk', async () => {
    await streams.publish([message(tenant(), room(), 'kept')]);
    const connection = await connect({ servers: new URL(url).host });
    const { config } = await (await connection.jetstreamManager()).streams.info(unique);
    await connection.close();
    expect(config).to.include({ max_age: 24 * 60 * 60 * 1_000_000_000, storage: 'file', retention: 'limits', discard: 'old' });
    expect(config.subjects).to.deep.equal([allRoomsSubject(prefix)]);
  });

  async function removeStream(): Promise<void> {
    const connection = await connect({ servers: new URL(url).host });
    const manager = await connection.jetstreamManager();
    await manager.streams.delete(unique);
    await connection.close();
  }

  after(async () => {
    if (url !== '') await removeStream();
    await Promise.all(opened.map((one) => one.close()));
    await own?.remove();
  });

  behavesAsRoomStreams(() => streams);

  it('drops and counts what names no tenant, another room, or is no JSON', async () => {
    const refused: string[] = [];
    const counting = new NatsStreams(link, prefix, { count: (_name, labels) => void refused.push(labels?.['reason'] ?? '') });
    const [ctx, roomId, sinceMs] = [tenant(), room(), Date.now()];
    const planted = ['{"text":"x"}', '{"tenant_id":7}', 'no json', '[]', JSON.stringify({ tenant_id: ctx.tenantId, room_id: room() })];
    for (const data of planted) await link.publishKept({ subject: `${prefix}swp.room.${roomId}.message`, data, messageId: randomUUID() });
    expect(await take(counting, ctx, { roomId, sinceMs: sinceMs - 1_000 }, 1, 400)).to.deep.equal([]);
    expect(refused).to.deep.equal(['no-tenant', 'no-tenant', 'not-json', 'not-json', 'other-room']);
  });

  it('wakes the other processes of the node, and itself once', async () => {
    const second = open(url);
    await second.opened();
    const [here, there] = [new NatsWake(localWake(), link, prefix, 'p1'), new NatsWake(localWake(), second, prefix, 'p2')];
    const heard: string[] = [];
    here.listen(({ kind }) => heard.push(`here ${kind}`));
    there.listen(({ kind }) => heard.push(`there ${kind}`));
    await sleep(50);
    here.hint({ kind: 'log', tenantId: tenant().tenantId });
    second.publishPassing(`${prefix}swp.wake`, 'nonsense');
    await sleep(150);
    expect(heard).to.deep.equal(['here log', 'there log']);
    here.close();
    there.close();
  });

  describeWithOwn('nats', 'when the server goes away', () => {
    let mine: OwnProcess;
    let lone: NatsStreams;
    const ctx = tenant();
    const roomId = room();

    before(async () => {
      mine = await ownNats();
      const lonely = open(`nats://127.0.0.1:${mine.port}`);
      await lonely.opened();
      lone = new NatsStreams(lonely, prefix, silentMeter);
    });

    after(() => mine?.remove());

    it('refuses to publish, comes back by itself, makes a deleted stream again, and readers go on', async function () {
      this.timeout(30_000);
      const stop = new AbortController();
      const read: unknown[] = [];
      const reading = (async () => {
        for await (const one of lone.subscribe(ctx, { sinceMs: Date.now() - 1_000 }, stop.signal)) read.push(textOf(one));
      })();
      await lone.publish([message(ctx, roomId, 'before')]);
      while (read.length === 0) await sleep(20);

      await mine.kill();
      const thrown = await lone.publish([message(ctx, roomId, 'lost')]).catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(GatewayError).with.property('code', 'SW_UNAVAILABLE');

      rmSync(mine.folder, { recursive: true });
      await mine.start();
      const after = message(ctx, roomId, 'after');
      while ((await lone.publish([after]).catch(() => 'away')) === 'away') await sleep(100);
      while (read.length < 2) await sleep(50);
      stop.abort();
      await reading;
      expect(read).to.deep.equal(['before', 'after']);
    });
  });

  describeWithOwn('nats', 'when the server refuses the credentials', () => {
    let mine: OwnProcess;
    let password = 'right';
    let link: NatsLink;
    let lone: NatsStreams;

    before(async () => {
      mine = await ownNats(() => ['--user', 'node', '--pass', password]);
      link = open(`nats://node:right@127.0.0.1:${mine.port}`);
      await link.opened();
      lone = new NatsStreams(link, prefix, silentMeter);
    });
    after(() => mine?.remove());

    const published = async (): Promise<void> => {
      const endMs = Date.now() + 15_000;
      const [ctx, roomId] = [tenant(), room()];
      while ((await lone.publish([message(ctx, roomId, 'back')]).catch(() => 'away')) === 'away') {
        if (Date.now() > endMs) throw new Error('it never came back');
        await sleep(100);
      }
    };

    it('goes on asking, however often they are refused, and is back with them', async function () {
      this.timeout(60_000);
      await published();
      password = 'wrong';
      await mine.kill();
      await mine.start();
      // Several refusals, two of which end a client that is not told otherwise.
      await sleep(6_000);
      password = 'right';
      await mine.kill();
      await mine.start();
      await published();
    });

    it('connects anew after the client has given up, with all who listen', async function () {
      this.timeout(60_000);
      await published();
      const heard: string[] = [];
      const end = link.listen(`${prefix}anew`, (data) => heard.push(data));
      await (Reflect.get(link, 'connection') as NatsConnection).close();
      await published();
      link.publishPassing(`${prefix}anew`, 'still there');
      await sleep(200);
      end();
      expect(heard).to.deep.equal(['still there']);
    });
  });

  it('starts although the server is away', async function () {
    this.timeout(5_000);
    const early = open('nats://127.0.0.1:1');
    await early.opened();
    const lone = new NatsStreams(early, prefix, silentMeter);
    const thrown = await lone.publish([message(tenant(), room(), 'x')]).catch((error: unknown) => error);
    expect(thrown).to.have.property('code', 'SW_UNAVAILABLE');
  });
});
