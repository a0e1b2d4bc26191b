import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect } from 'nats';
import { bridgedCall, makeBridge } from '../support/bridged-call.js';
import { captureStderr } from '../support/captured-stderr.js';
import { columnsHolding, inBase64url } from '../support/database-search.js';
import { eventually, federatedPair, sharedRoom, type Gateway } from '../support/gateway.js';
import { Person, type EventSeen } from '../support/people.js';
import { ownNats, type OwnProcess } from '../support/processes.js';
import { expectRefusal } from '../support/refusals.js';
import { describeWithOwn } from '../support/services.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

const STREAM = 'erasure';

describeWithOwn('nats', 'what was redacted', () => {
  const mark = `marker-${randomUUID()}`;
  const spellings = [mark, ...inBase64url(mark)];
  let nats: OwnProcess;
  let receiver: WebhookReceiver;
  let logs: ReturnType<typeof captureStderr>;
  let a: Gateway;
  let b: Gateway;
  let room: { readonly home: string; readonly away: string };
  let admin: Person;
  let bob: Person;

  before(async function () {
    this.timeout(60_000);
    logs = captureStderr();
    nats = await ownNats();
    receiver = new WebhookReceiver();
    // Whoever is told a secret may repeat it.
    receiver.answer = ({ raw }) => ({ status: 200, body: raw.toString(), headers: { 'content-type': 'text/plain' } });
    await receiver.start();
    const env = { SCAIWAVE_NATS_URL: `nats://127.0.0.1:${nats.port}`, SCAIWAVE_NATS_STREAM: STREAM, SCAIWAVE_NATS_PREFIX: STREAM, SCAIWAVE_EGRESS_ALLOW: '127.0.0.1', SCAIWAVE_LOG_LEVEL: 'debug' };
    [a, b] = await federatedPair({ env });
    room = await sharedRoom(a, b);
    [admin, bob] = [await Person.of(a, 'admin'), await Person.of(b, 'bob')];
  });
  after(async () => {
    await Promise.all([a.end(), b.end()]);
    await receiver.stop();
    await nats.remove();
    logs.stop();
  });

  /** How many messages of the stream carry the mark. */
  async function inStream(): Promise<number> {
    const connection = await connect({ servers: `127.0.0.1:${nats.port}` });
    try {
      const { streams } = await connection.jetstreamManager();
      const { state } = await streams.info(STREAM);
      let marked = 0;
      for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
        const message = await streams.getMessage(STREAM, { seq }).catch(() => undefined);
        if (message !== undefined && isIn(message.string())) marked += 1;
      }
      return marked;
    } finally {
      await connection.close();
    }
  }

  function filesHolding(folder: string): readonly string[] {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile() && isIn(readFileSync(join(folder, name)).toString('latin1')));
  }

  function isIn(text: string): boolean {
    return spellings.some((one) => text.includes(one));
  }

  it('was everywhere, and is in no table, stream, file of the stream or log of either node', async function () {
    this.timeout(60_000);
    const bridge = await makeBridge(a, room.home, receiver.url);
    const edit = (who: Person, at: string, event: string): Promise<unknown> => who.do('POST', `/v1/rooms/${at}/events/${event}/edit`, { content: { body: `${mark} edited` } });
    const redact = (who: Person, at: string, event: string): Promise<unknown> => who.do('POST', `/v1/rooms/${at}/events/${event}/redact`, { reason: 'regret' });
    const everybodyHears = (text: string, times: number): Promise<true> =>
      eventually(async () => [await admin.hears(room.home), await bob.hears(room.away)].every((heard) => heard.filter((one) => one.includes(text)).length === times));

    const mine = await admin.says(room.home, `${mark} of the home`);
    const theirs = await bob.says(room.away, `${mark} of the mirror`);
    await everybodyHears(mark, 2);
    await edit(admin, room.home, mine.id);
    await edit(bob, room.away, theirs.id);
    await everybodyHears(`${mark} edited`, 2);
    await eventually(async () => (await bridgedCall(bridge, 'm-1', `${mark} of the other side`)) === 200);
    await everybodyHears(mark, 3);
    const asSeen = (await bob.do<EventSeen[]>('GET', `/v1/rooms/${room.away}/messages?limit=200`)).filter((event) => event.event_type === 'swp.room.message' && JSON.stringify(event.content).includes(mark));
    for (const { id } of asSeen) await bob.do('POST', `/v1/rooms/${room.away}/events/${id}/reactions`, { emoji: '🎉' });
    // Something for the logs to tell of.
    expectRefusal(await bob.try('POST', `/v1/rooms/${room.away}/events/evt-33333333-3333-4333-8333-333333333333/reactions`, { emoji: mark }), 'SW_EVENT_NOT_FOUND');
    const reaction = `${mark} as a reaction`;
    const reacted = await bob.do<EventSeen>('POST', `/v1/rooms/${room.away}/events/${asSeen[0]?.id}/reactions`, { emoji: reaction });
    await eventually(async () => (await a.database.asOwner('select 1 from entries where content::text like $1', [`%${reaction}%`])).length > 0);
    await eventually(async () => receiver.posts.filter(({ raw }) => raw.includes(mark)).length >= 4);
    await eventually(async () => (await inStream()) >= 10 && filesHolding(nats.folder).length > 0);
    expect(await columnsHolding(a.database, spellings)).to.include.members(['entries.content', 'entries.jws', 'deliveries.answer']);
    expect(await columnsHolding(b.database, spellings)).to.include.members(['entries.content', 'entries.jws']);

    const bridged = (await admin.do<EventSeen[]>('GET', `/v1/rooms/${room.home}/messages?limit=200`)).find((event) => String(event.content['body']).includes('other side'));
    await redact(bob, room.away, reacted.id);
    await redact(bob, room.away, theirs.id);
    await redact(admin, room.home, mine.id);
    await redact(admin, room.home, bridged?.id ?? '');
    await everybodyHears(mark, 0);

    await eventually(async () => (await inStream()) === 0);
    await eventually(async () => [await columnsHolding(a.database, spellings), await columnsHolding(b.database, spellings)].flat().length === 0).catch(() => undefined);
    expect(await columnsHolding(a.database, spellings)).to.deep.equal([]);
    expect(await columnsHolding(b.database, spellings)).to.deep.equal([]);
    expect(filesHolding(nats.folder)).to.deep.equal([]);
    expect(isIn(logs.text())).to.equal(false);
    expect(logs.text(), 'the logs are read').to.include('"level":"debug"');
  });
});
