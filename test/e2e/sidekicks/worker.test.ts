import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { taskStreamOf } from '../../../src/streams/task-wire.js';
import { federatedPair, gateways, sharedRoom, eventually, type Gateway } from '../../support/gateway.js';
import { NatsWorker } from '../../support/nats-worker.js';
import { Person, type RoomSeen } from '../../support/people.js';
import { ownNats, ownRedis, type OwnProcess } from '../../support/processes.js';
import { expectRefusal } from '../../support/refusals.js';
import type { Handed } from '../../support/sidekick-work.js';
import { canStartOwn, describeWithOwn, ranAgainst } from '../../support/services.js';
import { StreamClient } from '../../support/stream-client.js';

interface Spawned {
  readonly task_id: string;
  readonly codename: string;
  readonly sidekick_room_id: string;
  readonly agent_participant_id: string;
  readonly status: string;
}

interface Seen extends Spawned {
  readonly progress: string | null;
  readonly result: string | null;
  readonly spawned_by: string;
}

describeWithOwn('nats', 'a sidekick and its worker on NATS', () => {
  const stream = `sw_test_${randomUUID().slice(0, 8)}`;
  let nats: OwnProcess;
  let redis: OwnProcess | undefined;
  let url: string;
  let gateway: Gateway;
  let worker: NatsWorker;
  let ann: Person;
  let bob: Person;
  let eve: Person;
  let room: string;

  before(async function () {
    this.timeout(60_000);
    nats = await ownNats();
    redis = canStartOwn('redis') ? await ownRedis() : undefined;
    url = `nats://127.0.0.1:${nats.port}`;
    const env = { SCAIWAVE_NATS_URL: url, SCAIWAVE_NATS_STREAM: stream, SCAIWAVE_NATS_PREFIX: stream, ...(redis === undefined ? {} : { SCAIWAVE_REDIS_URL: `redis://127.0.0.1:${redis.port}` }) };
    gateway = (await gateways(['a.example'], { env }))[0] ?? expect.fail('a gateway');
    [ann, bob, eve] = await Promise.all([Person.of(gateway, 'ann'), Person.of(gateway, 'bob'), Person.of(gateway, 'eve')]);
    // The stream is made with the first task.
    room = (await ann.room()).id;
    const first = await spawn();
    await eventually(async () => (await gateway.database.asOwner('select 1 from sidekicks where handed_over_at is not null')).length === 1);
    worker = await NatsWorker.open(url, taskStreamOf(stream));
    expect((await worker.next())?.task.task_id).to.equal(first.task_id);
    await cancel(first);
    ranAgainst('sidekick workers', 'a nats-server of its own');
  });
  after(async () => {
    await worker.close();
    await gateway.end();
    await nats.remove();
    await redis?.remove();
  });
  beforeEach(async () => {
    room = (await ann.room()).id;
  });

  const spawn = (body: object = { task: 'Find out' }, by = ann): Promise<Spawned> => by.do<Spawned>('POST', `/v1/rooms/${room}/sidekicks`, body);
  const cancel = ({ task_id }: Spawned, by = ann): ReturnType<Person['try']> => by.try('POST', `/v1/rooms/${room}/sidekicks/${task_id}/cancel`);
  const read = ({ task_id }: Spawned, by = ann): Promise<Seen> => by.do<Seen>('GET', `/v1/rooms/${room}/sidekicks/${task_id}`);
  const taken = async (): Promise<Handed> => (await worker.next())?.task ?? expect.fail('no task came');
  const report = async ({ report_path: path }: Handed, token: string | undefined, body: object): Promise<{ readonly status: number; readonly code: string | undefined }> => {
    const response = await fetch(gateway.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }, body: JSON.stringify(body) });
    return { status: response.status, code: ((await response.json()) as { error?: { code: string } }).error?.code };
  };

  it('is given a task, which a worker takes once and reports on until it is done', async () => {
    const frames = await StreamClient.open(gateway, 'mock:first:ann');
    const spawned = await spawn({ task: 'Find out', name: 'Scout' });
    expect(spawned).to.deep.include({ codename: 'Scout', status: 'spawning' });
    const { subject, task } = (await worker.next()) ?? expect.fail('no task came');
    expect(subject).to.equal(`${stream}.swp.sidekick.${task.tenant_id}.task`);
    expect(task.task_id).to.equal(spawned.task_id);
    expect((await ann.do<{ active_sidekicks: Seen[] }>('GET', `/v1/rooms/${room}/state`)).active_sidekicks.map(({ task_id }) => task_id)).to.deep.equal([spawned.task_id]);

    expect(await report(task, task.sidekick_token, { status: 'running', progress: 'Reading.' })).to.deep.include({ status: 200 });
    expect(await read(spawned)).to.deep.include({ status: 'running', progress: 'Reading.', spawned_by: ann.id });
    expect(await report(task, task.sidekick_token, { status: 'done', result: 'Found it.' })).to.deep.include({ status: 200 });
    expect(await read(spawned)).to.deep.include({ status: 'done', result: 'Found it.' });
    expect(await report(task, task.sidekick_token, { status: 'done' })).to.deep.equal({ status: 401, code: 'SW_SIDEKICK_TOKEN' });

    const own = await eventually(async () => {
      const seen = await ann.do<RoomSeen>('GET', `/v1/rooms/${spawned.sidekick_room_id}`);
      return seen.state === 'closed' && seen;
    });
    expect(own).to.deep.include({ room_type: 'sidekick', name: 'Scout', member_count: 2 });
    expect(await ann.hears(spawned.sidekick_room_id)).to.deep.equal(['Reading.', 'Found it.']);
    const kinds = await eventually(async () => {
      const seen = frames.frames.filter(({ type, task_id }) => String(type).startsWith('swp.sidekick.') && task_id === spawned.task_id).map(({ type, status }) => [type, status]);
      return seen.length === 2 && seen;
    });
    expect(kinds).to.deep.equal([['swp.sidekick.spawned', 'spawning'], ['swp.sidekick.result', 'done']]);
    frames.close();
  });

  it('has a room whose topic is the beginning of the task, in whole characters', async () => {
    const spawned = await spawn({ task: `${'x'.repeat(1_999)}🦊 and the rest` });
    await taken();
    expect(await ann.do<{ topic: string }>('GET', `/v1/rooms/${spawned.sidekick_room_id}`)).to.include({ topic: 'x'.repeat(1_999) });
    await cancel(spawned);
  });

  it('is refused to those who are not in the room, and seen by those who are', async () => {
    expectRefusal(await bob.try('POST', `/v1/rooms/${room}/sidekicks`, { task: 'x' }), 'SW_NOT_MEMBER');
    const spawned = await spawn();
    await taken();
    for (const path of ['', `/${spawned.task_id}`]) expectRefusal(await bob.try('GET', `/v1/rooms/${room}/sidekicks${path}`), 'SW_NOT_MEMBER');
    await ann.brings(room, bob);
    expect((await bob.do<Seen[]>('GET', `/v1/rooms/${room}/sidekicks`)).map(({ task_id }) => task_id)).to.deep.equal([spawned.task_id]);
    expect((await bob.do<Seen[]>('GET', '/v1/sidekicks')).length).to.equal(0);
    expect((await ann.do<Seen[]>('GET', '/v1/sidekicks'))[0]?.task_id).to.equal(spawned.task_id);
    expectRefusal(await ann.try('GET', `/v1/rooms/${(await ann.room()).id}/sidekicks/${spawned.task_id}`), 'SW_SIDEKICK_NOT_FOUND');
    expectRefusal(await ann.try('GET', `/v1/rooms/${room}/sidekicks/task-${randomUUID()}`), 'SW_SIDEKICK_NOT_FOUND');
    await cancel(spawned);
  });

  it('is refused in a form that is not documented', async () => {
    for (const body of [{}, { task: '' }, { task: 'x'.repeat(8_001) }, { task: 'x', context_mode: 'everything' }, { task: 'x', timeout_seconds: 0 }, { task: 'x', timeout_seconds: 301 }, { task: 'x', name: '' }, { task: 'x', priority: 1 }]) {
      expectRefusal(await ann.try('POST', `/v1/rooms/${room}/sidekicks`, body), 'SW_BAD_SCHEMA');
    }
    const spawned = await spawn();
    const task = await taken();
    for (const body of [{}, { status: 'spawning' }, { status: 'running', progress: 'x'.repeat(1_001) }, { status: 'done', result: 'x'.repeat(16_001) }, { status: 'done', event_uuid: 'mine' }]) {
      expect(await report(task, task.sidekick_token, body)).to.deep.equal({ status: 400, code: 'SW_BAD_SCHEMA' });
    }
    expect(await report(task, undefined, { status: 'done' })).to.deep.equal({ status: 401, code: 'SW_SIDEKICK_TOKEN' });
    expect(await report(task, 'mock:first:ann', { status: 'done' })).to.deep.equal({ status: 401, code: 'SW_SIDEKICK_TOKEN' });
    await cancel(spawned);
  });

  it('is cancelled by whoever asked, by a moderator and by an administrator, and by no other; the last is audited', async () => {
    await ann.brings(room, bob, eve);
    await ann.do('PUT', `/v1/rooms/${room}/members/${eve.id}/power-level`, { power_level: 50 });
    const own = await spawn({ task: 'x' }, bob);
    expectRefusal(await cancel(own, await Person.of(gateway, 'stranger')), 'SW_NOT_MEMBER');
    expect((await cancel(own, bob)).body.data).to.deep.include({ status: 'cancelled' });
    expectRefusal(await cancel(own, bob), 'SW_SIDEKICK_ENDED');
    const moderated = await spawn({ task: 'x' }, ann);
    expectRefusal(await cancel(moderated, bob), 'SW_ROOM_FORBIDDEN');
    expect((await cancel(moderated, eve)).status).to.equal(200);
    const third = await spawn({ task: 'x' }, ann);
    expect((await gateway.call('admin', 'POST', `/v1/rooms/${room}/sidekicks/${third.task_id}/cancel`)).status).to.equal(200);
    const acts = await gateway.database.asOwner<{ target: string }>("select target from audit where act = 'sidekick.cancelled'");
    expect(acts.map(({ target }) => target)).to.deep.equal([third.task_id]);
    while ((await worker.next(1_000)) !== undefined);
  });

  it('may neither be federated nor bridged with its room', async () => {
    const spawned = await spawn();
    await taken();
    expectRefusal(await gateway.call('mock:first:ann:tenant_admin', 'PUT', `/v1/admin/rooms/${spawned.sidekick_room_id}/federate`, { enabled: true }), 'SW_ROOM_TYPE_INVARIANT');
    expectRefusal(await gateway.call('mock:first:ann:tenant_admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'in', room_id: spawned.sidekick_room_id, name: 'b' }), 'SW_ROOM_TYPE_INVARIANT');
    await cancel(spawned);
  });

  describeWithOwn('redis', 'and a Redis of their own', () => {
    it('has its token under the documented key while it is at work, and goes on when Redis has lost everything', async () => {
      const client = new Redis(redis?.port ?? expect.fail('a Redis'), '127.0.0.1');
      try {
        const spawned = await spawn({ task: 'x', timeout_seconds: 100 });
        const task = await taken();
        const key = `sw:${task.tenant_id}:sidekick_token:${task.task_id}`;
        expect(await client.get(key)).to.match(/^[0-9a-f]{64}$/);
        expect(await client.pttl(key)).to.be.within(1, 100_000);
        await client.flushall();
        expect(await report(task, task.sidekick_token, { status: 'running' })).to.deep.include({ status: 200 });
        expect(await report(task, `${task.sidekick_token.slice(0, -4)}AAAA`, { status: 'running' })).to.deep.include({ code: 'SW_SIDEKICK_TOKEN' });
        await cancel(spawned);
        expect(await client.get(key)).to.equal(null);
      } finally {
        client.disconnect();
      }
    });
  });

  it('is handed over as soon as NATS is back', async () => {
    await worker.close();
    await nats.kill();
    const spawned = await spawn();
    await eventually(async () => (await gateway.database.asOwner<{ attempts: number }>('select attempts from sidekicks where task_id = $1', [spawned.task_id]))[0]?.attempts ?? 0);
    await nats.start();
    await eventually(async () => (await gateway.database.asOwner('select 1 from sidekicks where task_id = $1 and handed_over_at is not null', [spawned.task_id])).length === 1, 30_000);
    worker = await NatsWorker.open(url, taskStreamOf(stream));
    expect((await taken()).task_id).to.equal(spawned.task_id);
    expect(await worker.next(1_000)).to.equal(undefined);
    await cancel(spawned);
  }).timeout(60_000);
});

describe('a sidekick in a mirrored room', function () {
  this.timeout(60_000);

  it('works in a room of its own tenant, and the home learns nothing of it', async () => {
    const [a, b] = await federatedPair();
    try {
      const shared = await sharedRoom(a, b);
      const spawned = await b.ask<Spawned>('bob', 'POST', `/v1/rooms/${shared.away}/sidekicks`, { task: 'Ours alone', context_mode: 'full' });
      expect(await b.ask<RoomSeen>('bob', 'GET', `/v1/rooms/${spawned.sidekick_room_id}`)).to.deep.include({ room_type: 'sidekick', room_alias: `!${spawned.sidekick_room_id}:b.example` });
      await eventually(async () => (await b.database.asOwner('select 1 from sidekicks where handed_over_at is not null')).length === 1);
      expect((await a.ask<Seen[]>('admin', 'GET', `/v1/rooms/${shared.home}/sidekicks`)).length).to.equal(0);
      expect(await a.database.asOwner("select 1 from participants where local_id like 'sidekick-%'")).to.deep.equal([]);
      expect((await b.call('bob', 'POST', `/v1/rooms/${shared.away}/sidekicks/${spawned.task_id}/cancel`)).status).to.equal(200);
    } finally {
      await Promise.all([a.end(), b.end()]);
    }
  });
});
