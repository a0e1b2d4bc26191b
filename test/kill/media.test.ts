import { connect } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { freshDatabase } from '../support/database.js';
import { eventually } from '../support/gateway.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { tokenOf } from '../support/http-caller.js';
import { NodeProcess } from '../support/node-process.js';
import { freePort } from '../support/processes.js';
import { ROOT } from '../support/sources.js';
import { MASTER_KEY_FOR_TESTS } from '../support/test-keys.js';
import { counted, filesOf, putRaw, request, seen } from '../support/uploads.js';

describe('files of a node', function () {
  this.timeout(180_000);
  let dataDir: string;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let env: Readonly<Record<string, string>>;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'scaiwave-test-'));
    database = await freshDatabase();
    env = { SCAIWAVE_DB_URL: database.appUrl, SCAIWAVE_DATA_DIR: dataDir, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS };
  });
  afterEach(async () => {
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('that is killed in the middle of an upload: what it held comes back, and no file is left', async () => {
    const storage = { env, ownerUrl: async () => database.ownerUrl, remove: async () => undefined };
    const node = new GatewayProcess('first.example', await freePort(), storage, {});
    await node.start();
    try {
      const kept = seen(await putRaw(node, 'ann', Buffer.from('kept')));
      const socket = connect(node.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`POST /v1/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokenOf('ann')}\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(500_000)}`);
      await eventually(async () => (await filesOf({ dataDir })).length === 2);
      await node.kill();
      socket.destroy();
      expect(await counted(database)).to.deep.equal([5_000_004, 5_000_004]);
      await node.start();
      await database.asOwner('update media set lease_until = now() where lease_until is not null');
      await database.asOwner("update consumers set due_at = now() where consumer_id = 'duty:media-sweep'");
      await eventually(async () => (await counted(database))[0] === 4 && (await filesOf({ dataDir })).length === 1);
      expect(await filesOf({ dataDir })).to.deep.equal([kept.media_id]);
      expect((await request(node, 'ann', 'GET', `/v1/media/download/${kept.media_id}`)).bytes.toString()).to.equal('kept');
    } finally {
      await node.stop();
    }
  });

  it('whose disk takes no more: refused with a code, and nothing is left', async () => {
    // Files of this process may not grow beyond 128 KB: the disk says no in the middle of a write, as a full one does.
    const node = new NodeProcess('/bin/sh', ['-c', 'ulimit -f 256; exec "$0" "$@"', process.execPath, join(ROOT, 'dist/main.js'), 'serve'], { cwd: ROOT, env: { ...env, SCAIWAVE_PORT: '0' } });
    try {
      const url = await node.ready();
      const refused = await putRaw({ url }, 'ann', Buffer.alloc(2_000_000, 1));
      expect(refused).to.include({ status: 507, code: 'SW_STORAGE_FULL' });
      expect(await counted(database)).to.deep.equal([0, 0]);
      expect(await filesOf({ dataDir })).to.deep.equal([]);
      expect((await putRaw({ url }, 'ann', Buffer.alloc(50_000, 1))).status).to.equal(200);
    } finally {
      await node.stop();
    }
  });
});
