import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually, sharedRoom } from '../support/gateway.js';
import { callNode } from '../support/http-caller.js';
import { serveNode, type NodeProcess } from '../support/node-process.js';
import { freePort, ownNats, ownRedis, type OwnProcess } from '../support/processes.js';
import { TestScaigrid } from '../support/scaigrid.js';
import { TestScaikeyAdmin } from '../support/scaikey-admin.js';
import { canStartOwn, ranAgainst } from '../support/services.js';
import { ROOT } from '../support/sources.js';

const AI_KEY = 'sgk_of-the-first-tenant-4711';
const GUARD = ['--import=tsx', `--import=${join(ROOT, 'test/support/dial-guard-preload.ts')}`];

describe('two running nodes', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'scaiwave-test-'));
  // As root, a data folder that is closed to the account of the database would not be used.
  chmodSync(folder, 0o755);
  const strays = join(folder, 'strays.txt');
  const nodes: NodeProcess[] = [];
  const scaigrid = new TestScaigrid();
  const services: OwnProcess[] = [];
  let scaikey: TestScaikeyAdmin;
  let webhook: Server;
  let relayed = 0;

  before(async () => {
    writeFileSync(strays, '');
    scaikey = await TestScaikeyAdmin.start();
    scaikey.tenant('tnt_first');
    await scaigrid.start();
    scaigrid.keys.set(AI_KEY, { tenantId: 'tnt_first' });
    scaigrid.models = [{ slug: 'plain', display_name: 'Plain' }];
    webhook = createServer((request, response) => {
      relayed += 1;
      request.resume().once('end', () => response.end('{}'));
    });
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    webhook.close();
    await Promise.all([scaikey.close(), scaigrid.stop(), ...services.map((service) => service.remove())]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('dial from egress, store and streams only, whatever they do', async () => {
    const names = ['a.example', 'b.example'] as const;
    const ports = [await freePort(), await freePort()] as const;
    const settings = { ...scaikey.env(), SCAIWAVE_AUTH_MODE: 'hybrid', SCAIWAVE_SCAIGRID_URL: scaigrid.url, SCAIWAVE_EGRESS_ALLOW: '127.0.0.1', ...(await cacheAndStreams()) };
    const peers = names.map((name, index) => `${name}=http://127.0.0.1:${ports[index]}`).join(',');
    const [a, b] = names.map((name, index) => {
      const own = { SCAIWAVE_SERVER_NAME: name, SCAIWAVE_PORT: String(ports[index]), SCAIWAVE_PEER_URLS: peers, SCAIWAVE_DATA_DIR: join(folder, name) };
      const node = serveNode({ ...(index === 0 ? settings : { SCAIWAVE_EGRESS_ALLOW: '127.0.0.1' }), ...own, SCAIWAVE_TEST_STRAY_DIALS: strays }, GUARD);
      nodes.push(node);
      return { name, ask: asker(node) };
    });
    if (a === undefined || b === undefined) throw new Error('two nodes');
    // A peer that is named before it is up is not met at once.
    await Promise.all(nodes.map((node) => node.ready()));

    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [b.name] });
    await b.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [a.name] });
    const room = await sharedRoom(a, b);
    await a.ask('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'both', room_id: room.home, name: 'Out', outbound_webhook: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/in` });
    await b.ask('bob', 'POST', `/v1/rooms/${room.away}/send`, { content: { msgtype: 'swp.text', body: 'over the wire' } });
    await eventually(async () => relayed > 0);
    // The key set of ScaiKey, its admin API, and the catalogue of ScaiGrid.
    const token = await scaikey.identity.token({ tenantId: 'tnt_first', subject: 'usr_ann' });
    expect((await fetch(`http://127.0.0.1:${ports[0]}/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status).to.equal(200);
    await a.ask('admin', 'PUT', '/v1/admin/ai-config', { scaigrid_api_key: AI_KEY });
    await a.ask('admin', 'GET', '/v1/admin/models/catalog');
    await a.ask('admin', 'POST', `/v1/rooms/${room.home}/sidekicks`, { task: 'Find out' });
    await eventually(async () => scaikey.asked.length > 0);
    expect([scaikey.identity.fetches() > 0, scaigrid.asked.length > 0]).to.deep.equal([true, true]);

    await Promise.all(nodes.map((node) => node.stop()));
    expect(readFileSync(strays, 'utf8'), nodes.map(({ output }) => output).join('\n')).to.equal('');
  });

  /** Servers for the first node, where this machine has them. */
  async function cacheAndStreams(): Promise<Readonly<Record<string, string>>> {
    const [redis, nats] = [canStartOwn('redis') ? await ownRedis() : undefined, canStartOwn('nats') ? await ownNats() : undefined];
    for (const service of [redis, nats]) if (service !== undefined) services.push(service);
    ranAgainst('the guard of dials', `ScaiKey, ScaiGrid${redis === undefined ? '' : ', a redis-server'}${nats === undefined ? '' : ', a nats-server'}`);
    return {
      ...(redis === undefined ? {} : { SCAIWAVE_REDIS_URL: `redis://127.0.0.1:${redis.port}` }),
      ...(nats === undefined ? {} : { SCAIWAVE_NATS_URL: `nats://127.0.0.1:${nats.port}` }),
    };
  }
});

/** Calls a node once it is ready; answers with `data`. */
function asker(node: NodeProcess): <T = Record<string, never>>(who: string, method: string, path: string, body?: unknown) => Promise<T> {
  return async <T>(who: string, method: string, path: string, body?: unknown) => {
    const answer = await callNode(await node.ready(), who, method, path, body);
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.data as T;
  };
}
