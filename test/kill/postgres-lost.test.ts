import { expect } from 'chai';
import { eventually } from '../support/gateway.js';
import { tokenOf } from '../support/http-caller.js';
import { processPair, type GatewayProcess } from '../support/gateway-process.js';
import { embeddedStorage, type EmbeddedStorage } from '../support/node-storage.js';
import { OwnPostgres } from '../support/own-postgres.js';
import { isRealStack, ranAgainst } from '../support/services.js';
import { between, lossesWanted, pause, Siege } from '../support/siege.js';
import { StreamClient } from '../support/stream-client.js';

/** Longer than any pool waits, so that every way to notice is taken. */
const AWAY_MS = 3_000;
/** The longest that anybody may be kept waiting for a refusal. */
const REFUSED_WITHIN_MS = 7_000;
/** The server is always one of our own, so one stack is enough. */
const describeOnce = isRealStack() ? (): void => undefined : describe;
const SIGNALS = ['SIGQUIT', 'SIGKILL'] as const;

describeOnce('nodes whose PostgreSQL crashes while people talk', () => {
  let postgres: OwnPostgres;
  let siege: Siege;

  before(async function () {
    this.timeout(120_000);
    postgres = await OwnPostgres.begin();
    siege = await Siege.on(await processPair(() => postgres.storage()), undefined);
  });
  after(async function () {
    this.timeout(60_000);
    await siege.lift();
    await postgres.end();
  });

  it('lose nothing that was answered 2xx, say 503 meanwhile, and come back by themselves', async function () {
    const crashes = lossesWanted() + 1;
    this.timeout(60_000 + crashes * 120_000);
    for (let round = 1; round <= crashes; round += 1) {
      const crowd = siege.begin();
      await pause(between(200, 1_000));
      await postgres.crash(SIGNALS[round % 2] ?? 'SIGQUIT');
      await pause(round === 1 ? AWAY_MS : between(0, 500));
      await postgres.start();
      await pause(between(300, 600));
      await crowd.end();
      expect(await siege.check(), `after crash ${round}`).to.deep.equal([]);
    }
    expect(siege.troubles.map(({ what }) => what), 'a node gave its place up').to.not.include('never accepted');
    expect(siege.troubles.map(({ what }) => what)).to.include('503 SW_UNAVAILABLE');
    expect(Math.max(...siege.troubles.map(({ afterMs }) => afterMs))).to.be.below(REFUSED_WITHIN_MS);
    ranAgainst('kill', `${crashes} crashes of PostgreSQL: ${siege.acknowledged.length} answers checked`);
  });

  it('keep who waits and who listens, or let them go cleanly', async function () {
    this.timeout(60_000);
    const stream = await StreamClient.open(siege.a, tokenOf('admin'));
    const poll = siege.a.call('admin', 'GET', `/v1/sync?since=${await newest(siege.a)}&timeout=20000`);
    await pause(300);
    await postgres.crash('SIGQUIT');
    await pause(1_000);
    await postgres.start();
    const send = { content: { msgtype: 'swp.text', body: 'afterwards' } };
    await eventually(async () => (await siege.a.call('admin', 'POST', `/v1/rooms/${siege.room.home}/send`, send)).status < 300);

    const { status, body } = await poll;
    expect(status === 200 ? JSON.stringify(body.data) : body.error?.code).to.match(/afterwards|^SW_UNAVAILABLE$/);
    await eventually(async () => stream.ended !== undefined || JSON.stringify(stream.frames).includes('afterwards'));
    // 1006 is an end without a word.
    expect(stream.ended?.code).to.not.equal(1006);
    stream.close();
  });
});

async function newest(node: GatewayProcess): Promise<string> {
  let since = '0';
  for (;;) {
    const page = await node.ask<{ events: unknown[]; next_cursor: string }>('admin', 'GET', `/v1/sync?since=${since}&timeout=0&limit=500`);
    if (page.events.length === 0) return page.next_cursor;
    since = page.next_cursor;
  }
}

describeOnce('a node whose embedded PostgreSQL is killed while people talk', () => {
  const storages: EmbeddedStorage[] = [];
  let siege: Siege;

  before(async function () {
    this.timeout(120_000);
    const pair = await processPair(async () => {
      const storage = await embeddedStorage();
      storages.push(storage);
      return storage;
    });
    siege = await Siege.on(pair, undefined);
  });
  after(async function () {
    this.timeout(60_000);
    await siege.lift();
  });

  it('brings it back, and loses nothing that was answered 2xx', async function () {
    this.timeout(120_000);
    for (const storage of storages) {
      const crowd = siege.begin();
      await pause(between(200, 1_000));
      const pid = await storage.postmasterPid();
      process.kill(pid, 'SIGKILL');
      await eventually(async () => (await storage.postmasterPid().catch(() => pid)) !== pid);
      await pause(between(500, 1_000));
      await crowd.end();
      expect(await siege.check()).to.deep.equal([]);
    }
    expect(siege.troubles.map(({ what }) => what), 'a node gave its place up').to.not.include('never accepted');
    ranAgainst('kill', `${storages.length} kills of an embedded PostgreSQL: ${siege.acknowledged.length} answers checked`);
  });
});
