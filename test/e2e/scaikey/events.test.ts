import { expect } from 'chai';
import { WebSocket } from 'ws';
import { LIMITS } from '../../../src/kernel/limits.js';
import { eventually, gateways } from '../../support/gateway.js';
import { scaikeyEvent } from '../../support/scaikey-admin.js';
import { ScaikeyWorld } from '../../support/scaikey-node.js';
import { byTheWallClock } from '../../support/wall-clock.js';

describe('events of ScaiKey', function () {
  this.timeout(60_000);
  let world: ScaikeyWorld;

  before(async () => {
    world = await ScaikeyWorld.open();
  });
  after(() => world.close());

  describe('are refused', () => {
    const event = (): Record<string, unknown> => scaikeyEvent('tenant.created', 'tnt_forged', 'tnt_forged', { name: 'Forged', slug: 'forged', status: 'ACTIVE' });

    it('without a signature, with one of another secret, and out of the window', async () => {
      expect(await world.send(event(), { headers: { 'x-scaikey-signature': '' } })).to.include({ status: 401, code: 'SW_SCAIKEY_SIGNATURE' });
      expect(await world.send(event(), {}, 'another secret')).to.include({ status: 401, code: 'SW_SCAIKEY_SIGNATURE' });
      for (const offset of [-LIMITS.scaikeyToleranceMs - 5_000, LIMITS.scaikeyToleranceMs + 5_000]) {
        expect(await world.send(event(), { atMs: Date.now() + offset })).to.include({ status: 401, code: 'SW_SCAIKEY_SIGNATURE' });
      }
      expect((await world.tenants()).map(({ slug }) => slug)).not.to.include('forged');
    });

    it('when the header comes twice, and when it is no JSON', async () => {
      const raw = (headers: [string, string][]): Promise<Response> => fetch(`${world.node.url}/v1/webhooks/scaikey`, { method: 'POST', headers, body: '{}' });
      expect((await raw([['content-type', 'application/json']])).status).to.equal(401);
      expect((await raw([['content-type', 'text/plain']])).status).to.equal(415);
    });

    it('when the body is beyond its bound', async () => {
      const huge = scaikeyEvent('tenant.created', 'tnt_huge', 'tnt_huge', { padding: 'x'.repeat(LIMITS.scaikeyEventBytesMax) });
      expect(await world.send(huge)).to.include({ status: 413, code: 'SW_BODY_TOO_LARGE' });
    });

    it('when resource, tenant and data disagree', async () => {
      const disagree = [
        scaikeyEvent('tenant.created', 'tnt_x', 'tnt_y', { id: 'tnt_x' }),
        scaikeyEvent('tenant.created', 'tnt_x', 'tnt_x', { id: 'tnt_y' }),
        scaikeyEvent('user.suspended', 'usr_x', 'tnt_x', { id: 'usr_y' }),
        scaikeyEvent('user.suspended', 'usr_x', 'tnt_x', { tenant_id: 'tnt_y' }),
        scaikeyEvent('user.suspended', 'usr_x', 'tnt_x', { tenant: { id: 'tnt_y' } }),
        scaikeyEvent('user.suspended', 'tnt_x', 'tnt_x', {}, { resource: { type: 'tenant', id: 'tnt_x' } }),
      ];
      for (const one of disagree) expect(await world.send(one)).to.include({ status: 400, code: 'SW_BAD_SCHEMA' });
      expect((await world.tenants()).map(({ scaikey_tenant_id }) => scaikey_tenant_id)).not.to.include.oneOf(['tnt_x', 'tnt_y']);
    });
  });

  it('are taken without acting upon them when their type is not known here', async () => {
    expect(await world.tell('group.created', 'grp_1', 'tnt_acme')).to.include({ status: 200, outcome: 'ignored' });
    expect(await world.tell('user.password_changed', 'usr_1', 'tnt_acme')).to.include({ status: 200, outcome: 'ignored' });
  });

  it('about people and changes of a tenant that is not here are none of ours', async () => {
    expect(await world.tell('user.created', 'usr_1', 'tnt_nowhere')).to.include({ outcome: 'ignored' });
    expect(await world.tell('tenant.updated', 'tnt_nowhere', 'tnt_nowhere', { name: 'Nowhere' })).to.include({ outcome: 'ignored' });
    expect(await world.tell('tenant.deleted', 'tnt_nowhere', 'tnt_nowhere')).to.include({ outcome: 'ignored' });
    expect(await world.tenants()).to.deep.equal([]);
  });

  it('make a tenant once, of many deliveries at once', async () => {
    const event = scaikeyEvent('tenant.created', 'tnt_acme', 'tnt_acme', { name: 'Acme Corp', slug: 'acme', status: 'ACTIVE' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.send(event)));
    expect(answers.map(({ status }) => status)).to.deep.equal(Array(20).fill(200));
    expect(answers.filter(({ outcome }) => outcome === 'applied')).to.have.length(1);
    expect(answers.filter(({ outcome }) => outcome === 'duplicate')).to.have.length(19);
    expect(await world.tenants()).to.deep.equal([
      { scaikey_tenant_id: 'tnt_acme', slug: 'acme', name: 'Acme Corp', server_name: 'acme.node.example', status: 'active', partner_id: null },
    ]);
  });

  it('give a tenant whose slug is taken the next one', async () => {
    await world.tell('tenant.created', 'tnt_acme2', 'tnt_acme2', { name: 'Another Acme', slug: 'acme', status: 'ACTIVE' });
    expect((await world.tenants()).map(({ slug, server_name }) => [slug, server_name])).to.deep.equal([['acme', 'acme.node.example'], ['acme-2', 'acme-2.node.example']]);
  });

  it('make a person once, who signs in later as the same', async () => {
    const event = scaikeyEvent('user.created', 'usr_anna', 'tnt_acme', { email: 'anna@acme.test', first_name: 'Anna', last_name: 'Berg', status: 'ACTIVE' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.send(event)));
    expect(answers.filter(({ outcome }) => outcome === 'applied')).to.have.length(1);
    const [anna] = await world.people('tnt_acme');
    expect(anna).to.include({ local_id: 'anna', display_name: 'Anna Berg', status: 'active' });
    const me = await world.as(await world.token('usr_anna', 'tnt_acme', { preferred_username: 'other' }), 'GET', '/v1/me');
    expect(me.data).to.include({ id: anna?.participant_id, local_id: 'anna' });
  });

  it('register answers who the caller is, however often', async () => {
    const token = await world.token('usr_anna', 'tnt_acme');
    const [first, second] = [await world.as(token, 'POST', '/v1/auth/register'), await world.as(token, 'POST', '/v1/auth/register', {})];
    expect(first.data).to.deep.equal(second.data);
    const [anna] = await world.people('tnt_acme');
    expect(first.data).to.include({ participant_id: anna?.participant_id, display_name: 'Anna Berg' });
    expect(Object.keys(first.data ?? {})).to.have.members(['participant_id', 'tenant_id', 'display_name']);
  });

  it('change name and picture, never the local id', async () => {
    await world.tell('user.updated', 'usr_anna', 'tnt_acme', { email: 'ab@acme.test', display_name: 'Anna B.', avatar_url: 'https://acme.test/a.png' });
    const [anna] = await world.people('tnt_acme');
    expect(anna).to.include({ local_id: 'anna', display_name: 'Anna B.', avatar_url: 'https://acme.test/a.png' });
  });

  it('that are older than what was heard undo nothing, and bring what was not heard', async () => {
    const [older, newer] = [scaikeyEvent('user.updated', 'usr_anna', 'tnt_acme', { display_name: 'Older' }), scaikeyEvent('user.updated', 'usr_anna', 'tnt_acme', { display_name: 'Newer' })];
    expect(await world.send(newer)).to.include({ outcome: 'applied' });
    expect(await world.send(older)).to.include({ outcome: 'unchanged' });
    expect((await world.people('tnt_acme'))[0]?.display_name).to.equal('Newer');

    const [before, suspended] = [scaikeyEvent('user.updated', 'usr_anna', 'tnt_acme', { display_name: 'Anna', status: 'ACTIVE' }), scaikeyEvent('user.suspended', 'usr_anna', 'tnt_acme')];
    expect(await world.send(suspended)).to.include({ outcome: 'applied' });
    expect(await world.send(before)).to.include({ outcome: 'applied' });
    expect((await world.people('tnt_acme'))[0]).to.include({ display_name: 'Anna', status: 'deactivated' });
    await world.tell('user.activated', 'usr_anna', 'tnt_acme');
    expect((await world.people('tnt_acme'))[0]).to.include({ status: 'active' });
  });

  it('of one tenant touch nobody of another', async () => {
    await world.tell('user.created', 'usr_anna', 'tnt_acme2', { email: 'anna@other.test', display_name: 'The other Anna', status: 'ACTIVE' });
    expect(await world.tell('user.suspended', 'usr_anna', 'tnt_acme2')).to.include({ outcome: 'applied' });
    expect((await world.people('tnt_acme'))[0]).to.include({ status: 'active', display_name: 'Anna' });
    expect((await world.people('tnt_acme2'))[0]).to.include({ status: 'deactivated' });
  });

  it('put a person out on every process within a second, stream and all, and let them in again', async function () {
    byTheWallClock(this);
    const twin = await world.twin();
    try {
      const token = await world.token('usr_anna', 'tnt_acme');
      const room = (await world.as(token, 'POST', '/v1/rooms', { room_type: 'group', name: 'Hers' })).data?.['id'];
      for (const url of [world.node.url, twin.url]) expect((await world.as(token, 'GET', '/v1/me', undefined, url)).status).to.equal(200);
      const socket = new WebSocket(`${twin.url.replace('http', 'ws')}/v1/stream?token=${token}`);
      const closed = new Promise<{ code: number; reason: string; atMs: number }>((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: reason.toString(), atMs: Date.now() })));
      await new Promise((resolve) => socket.once('message', resolve));

      await world.tell('user.deleted', 'usr_anna', 'tnt_acme');
      const toldMs = Date.now();
      for (const url of [world.node.url, twin.url]) {
        const refused = await eventually(async () => {
          const answer = await world.as(token, 'GET', '/v1/me', undefined, url);
          return answer.status !== 200 && answer;
        });
        expect([refused.status, refused.code]).to.deep.equal([403, 'SW_AUTH_DEACTIVATED']);
      }
      const refusedMs = Date.now();
      expect(await closed).to.include({ code: 4001, reason: 'SW_AUTH_DEACTIVATED' });
      for (const atMs of [refusedMs, (await closed).atMs]) expect(atMs - toldMs).to.be.lessThan(1_000);
      expect(await world.node.database.asOwner('select membership from members where room_id = $1', [room])).to.deep.equal([{ membership: 'join' }]);

      await world.tell('user.activated', 'usr_anna', 'tnt_acme');
      const again = await eventually(async () => {
        const answer = await world.as(token, 'GET', `/v1/rooms/${String(room)}`);
        return answer.status === 200 && answer;
      });
      expect(again.data).to.include({ name: 'Hers', membership: 'join' });
    } finally {
      await world.tell('user.activated', 'usr_anna', 'tnt_acme');
      await twin.stop();
    }
  });

  it('bar somebody who has never been here, token or not', async () => {
    expect(await world.tell('user.suspended', 'usr_early', 'tnt_acme')).to.include({ status: 200 });
    expect(await world.as(await world.token('usr_early', 'tnt_acme'), 'GET', '/v1/me')).to.include({ status: 403, code: 'SW_AUTH_DEACTIVATED' });
    expect((await world.people('tnt_acme')).map(({ subject }) => subject)).not.to.include('usr_early');
  });

  it('bar a tenant that has never been here, until ScaiKey says something newer', async () => {
    const late = (type: string) => scaikeyEvent(type, 'tnt_late', 'tnt_late', { name: 'Late', slug: 'late', status: type === 'tenant.created' ? 'ACTIVE' : undefined });
    const made = async (): Promise<readonly string[]> => (await world.tenants()).filter(({ slug }) => slug === 'late').map(({ status }) => status);
    const [created, deleted] = [late('tenant.created'), late('tenant.deleted')];
    expect(await world.send(deleted)).to.include({ outcome: 'unchanged' });
    expect(await world.send(deleted)).to.include({ outcome: 'duplicate' });
    expect(await world.send(created)).to.include({ outcome: 'ignored' });
    expect(await made()).to.deep.equal([]);
    expect(await world.send(late('tenant.created'))).to.include({ outcome: 'applied' });
    expect(await made()).to.deep.equal(['active']);
  });

  it('bar a tenant that is made at that moment, whichever is heard first', async () => {
    const slugs = Array.from({ length: 8 }, (_, index) => `at-once-${index}`);
    const events = slugs.map((slug) => [scaikeyEvent('tenant.created', `tnt_${slug}`, `tnt_${slug}`, { slug, status: 'ACTIVE' }), scaikeyEvent('tenant.deleted', `tnt_${slug}`, `tnt_${slug}`)]);
    await Promise.all(events.flatMap(([created = {}, deleted = {}], index) => (index % 2 === 0 ? [world.send(created), world.send(deleted)] : [world.send(deleted), world.send(created)])));
    expect((await world.tenants()).filter(({ slug, status }) => slug.startsWith('at-once') && status !== 'suspended')).to.deep.equal([]);
    await world.node.database.asOwner("update tenants set status = 'suspended' where slug = 'late'");
  });

  it('suspend a tenant and resume it, and delete nothing', async () => {
    const token = await world.token('usr_anna', 'tnt_acme');
    await world.tell('tenant.updated', 'tnt_acme', 'tnt_acme', { status: 'SUSPENDED', name: 'Acme Corp' });
    await eventually(async () => (await world.as(token, 'GET', '/v1/me')).code === 'SW_TENANT_SUSPENDED');
    await world.tell('tenant.updated', 'tnt_acme', 'tnt_acme', { status: 'ACTIVE', name: 'Acme Inc' });
    await eventually(async () => (await world.as(token, 'GET', '/v1/me')).status === 200);
    expect((await world.tenants())[0]).to.include({ name: 'Acme Inc', slug: 'acme', server_name: 'acme.node.example', status: 'active' });
    await world.tell('tenant.deleted', 'tnt_acme', 'tnt_acme');
    expect((await world.tenants())[0]).to.include({ status: 'suspended' });
    expect(await world.people('tnt_acme')).not.to.deep.equal([]);
  });

  it('do not resume what somebody here has suspended', async () => {
    await world.node.database.asOwner("update tenants set status = 'suspended' where scaikey_tenant_id = 'tnt_acme2'");
    await world.tell('tenant.updated', 'tnt_acme2', 'tnt_acme2', { status: 'ACTIVE' });
    expect((await world.tenants())[1]).to.include({ status: 'suspended' });
  });
});

describe('events of ScaiKey to a node without their secret', function () {
  this.timeout(60_000);

  it('are answered 503, so that they come again', async () => {
    const [node] = await gateways(['lone.example']);
    if (node === undefined) throw new Error('one gateway');
    const response = await fetch(`${node.url}/v1/webhooks/scaikey`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect([response.status, response.headers.get('retry-after')]).to.deep.equal([503, '300']);
    await node.end();
  });
});
