import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, lstat, mkdir, readdir, readFile, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { expect } from 'chai';
import pg from 'pg';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { NOBODY } from '../../../src/store/embedded/account.js';
import { installedBinaries, usableBinaries } from '../../../src/store/embedded/binaries.js';
import { ensureCluster } from '../../../src/store/embedded/cluster.js';
import { startEmbedded, type Embedded } from '../../../src/store/embedded/embedded.js';
import { choosePlace } from '../../../src/store/embedded/place.js';
import { ServerProcess } from '../../../src/store/embedded/server-process.js';
import { StartRefusal } from '../../../src/store/start-refusal.js';
import { reachableFolder } from '../../support/database.js';
import { silentLog } from '../../support/silent-ports.js';

interface Said {
  readonly url?: string;
  readonly dataPath?: string;
  readonly refusal?: string;
}

const IS_ROOT = process.getuid?.() === 0;
const NODE = resolve('test/support/embedded-node.ts');

function start(dataDir: string): Promise<Embedded> {
  return startEmbedded({ dataDir, log: silentLog, clock: systemClock, timers: systemTimers });
}

/** A node process of its own, and the line it says. */
async function node(dataDir: string, account: object = {}): Promise<{ readonly child: ChildProcess; readonly said: Said }> {
  const child = spawn(process.execPath, ['--import', 'tsx', NODE, dataDir], { stdio: ['ignore', 'pipe', 'inherit'], ...account });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return { child, said: JSON.parse(line) as Said };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

async function query<R extends pg.QueryResultRow>(url: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function postmasterOf(dataPath: string): Promise<number> {
  return Number((await readFile(join(dataPath, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

async function untilGone(pid: number): Promise<void> {
  for (let n = 0; n < 200; n += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`process ${pid} lives on`);
}

async function refusalOf(work: Promise<unknown>): Promise<StartRefusal> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StartRefusal)) throw new Error('no refusal', { cause: error });
  return error;
}

describe('the embedded PostgreSQL', function () {
  this.timeout(60_000);
  let folder: string;
  let dataDir: string;

  beforeEach(async () => {
    folder = await reachableFolder();
    dataDir = join(folder, 'data');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('keeps its data over a stop and a start, in UTF-8 and with fsync', async () => {
    const first = await start(dataDir);
    await query(first.ownerUrl, `create table kept (word text); insert into kept values ('Grüße')`);
    await first.stop();
    const second = await start(dataDir);
    const rows = await query(second.ownerUrl, `select word, current_setting('server_encoding') as encoding,
      current_setting('fsync') as fsync, current_setting('listen_addresses') as listens from kept`);
    await second.stop();
    expect(rows).to.deep.equal([{ word: 'Grüße', encoding: 'UTF8', fsync: 'on', listens: '' }]);
  });

  it('is gone after a stop, with its socket; a second stop does nothing', async () => {
    const embedded = await start(dataDir);
    const pid = await postmasterOf(embedded.dataPath);
    const socket = decodeURIComponent(new URL(embedded.ownerUrl).hostname);
    expect((await stat(socket)).mode & 0o777).to.equal(0o700);
    await embedded.stop();
    await embedded.stop();
    await untilGone(pid);
    expect(await stat(socket).catch(() => undefined)).to.equal(undefined);
    await refusalOfConnection(embedded.ownerUrl);
  });

  it('starts on a path of 120 characters with a space', async () => {
    const long = join(folder, 'a folder with spaces', 'x'.repeat(120), 'data');
    const embedded = await start(long);
    expect(embedded.dataPath).to.equal(join(long, 'postgres'));
    await embedded.stop();
  });

  it('refuses a second node on the same data, and goes on for the first', async () => {
    const embedded = await start(dataDir);
    const { child, said } = await node(dataDir);
    await ended(child, 'SIGKILL');
    expect(said.refusal).to.match(/^Another node is running on .*SCAIWAVE_DATA_DIR\.$/);
    expect(await query(embedded.ownerUrl, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
    await embedded.stop();
  });

  it('of a node that was killed lives on, and is taken over by the next with all that was committed', async () => {
    const { child, said } = await node(dataDir);
    const pid = await postmasterOf(said.dataPath ?? '');
    await query(said.url ?? '', 'create table kept (n integer); insert into kept values (1)');
    await ended(child, 'SIGKILL');
    const embedded = await start(dataDir);
    expect(await postmasterOf(embedded.dataPath)).to.equal(pid);
    expect(await query(embedded.ownerUrl, 'select n from kept')).to.deep.equal([{ n: 1 }]);
    await embedded.stop();
    await untilGone(pid);
  });

  it('is stopped by a node that is asked to stop, and not by Ctrl-C in its terminal', async () => {
    const { child, said } = await node(dataDir, { detached: true });
    const pid = await postmasterOf(said.dataPath ?? '');
    // The terminal signals the whole group; the node itself dies of it here, the server must not.
    const exit = once(child, 'exit');
    process.kill(-(child.pid ?? 0), 'SIGINT');
    await exit;
    expect(await query(said.url ?? '', 'select 1 as one')).to.deep.equal([{ one: 1 }]);
    const next = await node(dataDir);
    await ended(next.child, 'SIGTERM');
    await untilGone(pid);
  });

  it('comes back at the same address after a crash', async () => {
    const embedded = await start(dataDir);
    await query(embedded.ownerUrl, 'create table kept (n integer); insert into kept values (1)');
    process.kill(await postmasterOf(embedded.dataPath), 'SIGKILL');
    let rows: unknown;
    for (let n = 0; n < 200 && rows === undefined; n += 1) {
      rows = await query(embedded.ownerUrl, 'select n from kept').catch(() => undefined);
      if (rows === undefined) await new Promise((done) => setTimeout(done, 50));
    }
    expect(rows).to.deep.equal([{ n: 1 }]);
    expect((await refusedNode(dataDir)).refusal).to.match(/^Another node is running/);
    await embedded.stop();
  });

  it('starts after a loss of power, whoever has the number of its old process by now, and leaves that one alone', async () => {
    const first = await start(dataDir);
    const pid = await postmasterOf(first.dataPath);
    const left = await readFile(join(first.dataPath, 'postmaster.pid'), 'utf8');
    await first.stop();
    await untilGone(pid);
    // PostgreSQL itself takes a process of its own account for a server.
    for (const account of IS_ROOT ? [{}, NOBODY] : [{}]) {
      const stranger = spawn('sleep', ['60'], { stdio: 'ignore', ...account });
      await once(stranger, 'spawn');
      const lockFile = join(first.dataPath, 'postmaster.pid');
      await writeFile(lockFile, left.replace(/^\d+/, String(stranger.pid)));
      if (IS_ROOT) await chown(lockFile, NOBODY.uid, NOBODY.gid);
      const again = await start(dataDir);
      expect(await query(again.ownerUrl, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
      await again.stop();
      await writeFile(lockFile, left.replace(/^\d+/, String(stranger.pid)));
      await new ServerProcess('nowhere', await choosePlace(dataDir), { clock: systemClock, timers: systemTimers }).shutDown();
      expect([stranger.exitCode, stranger.signalCode]).to.deep.equal([null, null]);
      await ended(stranger, 'SIGKILL');
      await rm(lockFile);
    }
  });

  it('makes its folder whole or not at all: what a killed start left is no obstacle', async () => {
    await mkdir(join(dataDir, 'postgres.new-broken'), { recursive: true });
    await writeFile(join(dataDir, 'postgres.new-broken', 'half'), '');
    const embedded = await start(dataDir);
    await embedded.stop();
  });

  it('refuses data of another major version', async () => {
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '9\n');
    if (IS_ROOT) await chown(join(dataDir, 'postgres'), NOBODY.uid, NOBODY.gid);
    expect((await refusalOf(start(dataDir))).message).to.match(/was made by PostgreSQL 9/);
  });

  it('is refused where its programs do not run, or make no folder, with what they say', async () => {
    const [place, bin] = [await choosePlace(dataDir), join(folder, 'native', 'bin')];
    await mkdir(bin, { recursive: true });
    const program = (name: string, script: string): Promise<void> => writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const refused = async (): Promise<readonly (readonly [rule: string, sentence: string])[]> =>
      (await refusalOf(ensureCluster(join(folder, 'native'), place))).findings.map(({ rule, sentence }) => [rule, sentence]);
    await program('postgres', 'exit 127');
    expect(await refused()).to.deep.equal([['server-failed', 'The embedded PostgreSQL does not run on this machine.']]);
    await program('postgres', 'echo "postgres (PostgreSQL) 18.4"');
    await program('initdb', 'echo "no room on the disk" >&2; exit 1');
    expect(await refused()).to.deep.equal([['server-failed', 'The database folder could not be made: no room on the disk']]);
    expect(await readdir(dataDir)).to.deep.equal([]);
  });

  it('is refused on a platform that has none, with what to do instead', async () => {
    for (const [os, cpu] of [['win32', 'x64'], ['linux', 'mips'], ['freebsd', 'x64']] as const) {
      const { message } = await refusalOf(installedBinaries(os, cpu));
      expect(message).to.match(/^There is no embedded PostgreSQL for this platform; .*SCAIWAVE_DB_URL\.$/);
    }
  });

  it('runs without npm having run install scripts', async () => {
    const bare = join(folder, 'node_modules', 'native');
    await cp(await installedBinaries(), bare, { recursive: true, verbatimSymlinks: true });
    for (const name of await readdir(join(bare, 'lib'))) {
      const path = join(bare, 'lib', name);
      if (await isLink(path)) await unlink(path);
    }
    expect(await usableBinaries(bare, folder, undefined)).to.equal(bare);
    expect(await isLink(join(bare, 'lib', 'libecpg.so'))).to.equal(true);
  });

  if (IS_ROOT) {
    it('runs as root, with the server as another account', async () => {
      const embedded = await start(dataDir);
      expect((await stat(embedded.dataPath)).uid).to.equal(NOBODY.uid);
      expect((await stat(`/proc/${await postmasterOf(embedded.dataPath)}`)).uid).to.equal(NOBODY.uid);
      await embedded.stop();
    });

    it('runs as an ordinary user', async () => {
      await mkdir(dataDir);
      await chown(dataDir, NOBODY.uid, NOBODY.gid);
      const { child, said } = await node(dataDir, NOBODY);
      expect(said).to.have.property('dataPath', join(dataDir, 'postgres'));
      await ended(child, 'SIGTERM');
    });

    it('has its data outside of a folder that the account cannot pass, and finds it there again', async () => {
      await mkdir(dataDir);
      await chmod(folder, 0o700);
      const home = join(folder, 'lib');
      const outside = await choosePlace(dataDir, home);
      expect(outside.dataPath.startsWith(`${home}/data-`)).to.equal(true);
      await mkdir(outside.dataPath);
      await chmod(folder, 0o755);
      expect((await choosePlace(dataDir, home)).dataPath).to.equal(outside.dataPath);
    });

    it('copies binaries that the account cannot reach, once', async () => {
      const hidden = join(folder, 'hidden', 'native');
      await mkdir(join(folder, 'hidden'), { mode: 0o700 });
      await symlink(await installedBinaries(), hidden);
      await cp(join(await installedBinaries(), '..', 'package.json'), join(folder, 'hidden', 'package.json'));
      const first = await usableBinaries(hidden, join(folder, 'copies'), NOBODY);
      expect(await usableBinaries(hidden, join(folder, 'copies'), NOBODY)).to.equal(first);
      expect(await readdir(join(folder, 'copies'))).to.have.length(1);
    });

    it('refuses data inside a folder that was closed to its account afterwards', async () => {
      const embedded = await start(dataDir);
      await embedded.stop();
      await chmod(dataDir, 0o700);
      expect((await refusalOf(start(dataDir))).findings[0]).to.have.property('rule', 'data-unusable');
    });
  }
});

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

async function refusedNode(dataDir: string): Promise<Said> {
  const { child, said } = await node(dataDir);
  await ended(child, 'SIGKILL');
  return said;
}

async function refusalOfConnection(url: string): Promise<void> {
  const connected = await query(url, 'select 1').then(
    () => true,
    () => false,
  );
  expect(connected).to.equal(false);
}
