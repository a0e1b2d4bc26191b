import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import type { NodeProcess } from '../support/node-process.js';
import { hardCheckout, npmStart, npxScaiwave, ORDINARY_UID, type Checkout } from '../support/npm-start.js';
import { ranAgainst } from '../support/services.js';

const IS_ROOT = process.getuid?.() === 0;
const SETTINGS = { SCAIWAVE_PORT: '0' };
/** An operator reads a sentence, not a stack of ours. */
const STACK = /^\s+at .*\(.*:\d+:\d+\)/m;

async function ask(url: string, method: string, path: string, body?: unknown): Promise<Readonly<Record<string, string>>> {
  const headers = { authorization: 'Bearer mock:first:ann', 'content-type': 'application/json' };
  const reply = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  expect(reply.status).to.equal(200);
  return ((await reply.json()) as { data: Readonly<Record<string, string>> }).data;
}

function startsAsPeopleStartIt(uid: number | undefined): void {
  let checkout: Checkout;
  const started: NodeProcess[] = [];

  function start(settings: Readonly<Record<string, string>> = SETTINGS): NodeProcess {
    const node = npmStart(checkout, settings);
    started.push(node);
    return node;
  }

  before(function () {
    this.timeout(180_000);
    checkout = hardCheckout(uid);
  });

  afterEach(async () => {
    for (const node of started.splice(0)) await node.stop();
  });

  after(() => checkout.remove());

  it('answers, from a long path with a space in a closed folder, without install scripts', async () => {
    expect(checkout.folder).to.have.length.of.at.least(120).and.contain(' ');
    const node = start();
    // The first start compiles.
    const url = await node.ready(150_000);
    const reply = await fetch(`${url}/health`);
    expect(reply.status).to.equal(200);
    ranAgainst('npm start', `uid ${uid ?? process.getuid?.() ?? '-'}, scripts off, path of ${checkout.folder.length} characters`);
  });

  it('is administered by `npx scaiwave` once it is built', async () => {
    const command = npxScaiwave(checkout, { SCAIWAVE_SERVER_NAME: 'chat.example' }, 'show-config');
    expect(await command.exit(), command.output).to.equal(0);
    expect(command.output).to.contain('SCAIWAVE_SERVER_NAME=chat.example');
  });

  it('stops within ten seconds when it is told to', async () => {
    const node = start();
    await node.ready();
    const beganMs = Date.now();
    await node.stop();
    expect(node.output).to.match(/\nStopped\.\n$/);
    expect(Date.now() - beganMs).to.be.below(10_000);
  });

  it('takes a Ctrl-C, which npm passes on a second time, for one wish', async () => {
    const node = start();
    await node.ready();
    node.signal('SIGINT');
    await node.exit();
    expect(node.output).to.contain('SIGINT: finishing what was begun').and.match(/\nStopped\.\n$/);
  });

  it('comes back with the same data after kill -9', async () => {
    const first = start();
    const made = await ask(await first.ready(), 'POST', '/v1/rooms', { room_type: 'group', name: 'Kept' });
    first.signal('SIGKILL');
    await first.exit();
    const second = start();
    expect(await ask(await second.ready(), 'GET', `/v1/rooms/${made['id'] ?? ''}`)).to.include({ id: made['id'], name: 'Kept' });
    await second.stop();
    expect(second.output).to.match(/\nStopped\.\n$/);
  });

  it('refuses a second start on the same data, in a sentence', async () => {
    const first = start();
    const url = await first.ready();
    const second = start();
    expect(await second.exit()).to.be.greaterThan(0);
    expect(second.output).to.contain('Another node is running on').and.not.match(STACK);
    expect((await fetch(`${url}/health`)).status, 'the first goes on').to.equal(200);
  });

  it('refuses a port that is taken, in a sentence', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const node = start({ SCAIWAVE_PORT: String(port) });
      expect(await node.exit()).to.be.greaterThan(0);
      expect(node.output).to.contain('The port is taken').and.not.match(STACK);
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('refuses a mistyped setting before it makes anything', async () => {
    const dataDir = join(checkout.folder, 'never-made');
    const node = start({ ...SETTINGS, SCAIWAVE_DATA_DIR: dataDir, SCAIWAVE_PROT: '1' });
    expect(await node.exit()).to.be.greaterThan(0);
    expect(node.output).to.contain('did you mean SCAIWAVE_PORT?').and.not.match(STACK);
  });
}

describe('npm start', function () {
  this.timeout(180_000);
  describe(IS_ROOT ? 'as root' : 'as an ordinary user', () => startsAsPeopleStartIt(undefined));
  if (IS_ROOT) describe('as an ordinary user', () => startsAsPeopleStartIt(ORDINARY_UID));
});
