import { expect } from 'chai';
import type { RoomFederationView } from '../../src/flows/api/federation-admin.js';
import { eventually } from '../support/gateway.js';
import { Deployment } from '../support/production.js';
import { testScaikey, type TestScaikey } from '../support/scaikey.js';
import { describeLent, ranAgainst } from '../support/services.js';

interface Room {
  readonly id: string;
  readonly room_alias: string;
}

describeLent(['postgres', 'redis', 'nats'], 'a node in production', function () {
  this.timeout(120_000);
  let scaikey: TestScaikey;
  let node: Deployment;
  let api: string;
  let worker: string;
  const people: Record<string, string> = {}; // their tokens

  before(async () => {
    scaikey = await testScaikey();
    node = new Deployment({ SCAIWAVE_AUTH_MODE: 'scaikey', SCAIWAVE_SCAIKEY_URL: scaikey.url, SCAIWAVE_SCAIKEY_AUDIENCE: scaikey.clientId, SCAIWAVE_LOG_LEVEL: 'warn', SCAIWAVE_EGRESS_ALLOW: new URL(scaikey.url).host });
    people['ann'] = await scaikey.token({ tenantId: 'tnt_north', subject: 'usr_ann', role: 'tenant_admin', claims: { preferred_username: 'ann' } });
    people['ben'] = await scaikey.token({ tenantId: 'tnt_south', subject: 'usr_ben', role: 'tenant_admin', claims: { preferred_username: 'ben' } });
    await node.createDatabase();
    ranAgainst('production', 'PostgreSQL, Redis and NATS that were lent, two processes with roles of their own');
  });
  after(async () => {
    await node.remove();
    await scaikey.close();
  });

  async function ask<T>(who: string, method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${people[who]}`, 'content-type': 'application/json' };
    const reply = await fetch(api + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const answer = (await reply.json()) as { readonly data: T; readonly error?: unknown };
    if (!reply.ok) throw new Error(`${method} ${path} answered ${reply.status} ${JSON.stringify(answer.error)}`);
    return answer.data;
  }

  const say = (who: string, room: string, body: string) => ask(who, 'POST', `/v1/rooms/${room}/send`, { content: { msgtype: 'swp.text', body } });
  const heard = async (who: string, room: string): Promise<readonly (string | undefined)[]> =>
    (await ask<{ content: { body?: string } }[]>(who, 'GET', `/v1/rooms/${room}/messages`)).map(({ content }) => content.body);

  it('is refused before it is migrated, with the command that helps', async () => {
    const failed = await node.scaiwave(['serve']).catch(String);
    expect(failed).to.contain('ended with 1').and.match(/scaiwave migrate/).and.not.match(/^\s+at /m);
  });

  it('is migrated by an owner, once', async () => {
    const owner = { SCAIWAVE_DB_OWNER_URL: node.ownerUrl };
    expect(await node.scaiwave(['migrate'], owner)).to.match(/^applied 0001-/);
    expect(await node.scaiwave(['migrate'], owner)).to.equal('Nothing to do.\n');
  });

  it('takes tenants at the command line', async () => {
    await node.createTenant('north', 'north.example');
    await node.createTenant('south', 'south.example');
    expect(await node.scaiwave(['admin', 'list-tenants'])).to.match(/north\.example/).and.match(/south\.example/);
  });

  it('runs as one process for requests and one for the rest', async () => {
    api = (await node.serve('api')).url;
    worker = (await node.serve('worker,scheduler')).url;
    for (const url of [api, worker]) {
      expect((await fetch(`${url}/ready`)).status, url).to.equal(200);
    }
    expect((await fetch(`${worker}/v1/rooms`, { headers: { authorization: `Bearer ${people['ann']}` } })).status).to.equal(404);
    expect((await fetch(`${api}/v1/rooms`, { headers: { authorization: 'Bearer mock:north:ann' } })).status).to.equal(401);
  });

  it('carries a room between two of its tenants, through both processes', async () => {
    await ask('ann', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['south.example'] });
    await ask('ben', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['north.example'] });
    const { local_id: localId } = await ask<{ local_id: string }>('ben', 'GET', '/v1/me');
    const { id, room_alias: alias } = await ask<Room>('ann', 'POST', '/v1/rooms', { room_type: 'group', name: 'Both' });
    await ask('ann', 'PUT', `/v1/admin/rooms/${id}/federate`, { enabled: true });
    await ask('ann', 'POST', `/v1/rooms/${id}/invitations`, { fqid: `@${localId}:south.example` });
    const named = (all: readonly Room[]): Room | undefined => all.find((room) => room.room_alias === alias);
    const invitation = await eventually(async () => named(await ask<Room[]>('ben', 'GET', '/v1/invitations')), 40_000);
    await ask('ben', 'POST', `/v1/invitations/${invitation.id}/accept`);
    const mirror = await eventually(async () => named(await ask<Room[]>('ben', 'GET', '/v1/rooms')), 40_000);

    await say('ann', id, 'from north');
    await say('ben', mirror.id, 'from south');
    await eventually(async () => (await heard('ben', mirror.id)).includes('from north') && (await heard('ann', id)).includes('from south'), 40_000);
    await eventually(async () => {
      const [home, away] = [await ask<RoomFederationView>('ann', 'GET', `/v1/admin/rooms/${id}/federation`), await ask<RoomFederationView>('ben', 'GET', `/v1/admin/rooms/${mirror.id}/federation`)];
      return home.head.hash === away.head.hash && home.peers[0]?.receipt?.seq === home.head.seq;
    }, 40_000);
  });
});
