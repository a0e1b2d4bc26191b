import { expect } from 'chai';
import { hash } from 'node:crypto';
import type { ErrorCode } from '../../../src/kernel/errors.js';
import { ERRORS } from '../../../src/kernel/errors.js';
import { FakePeer } from '../../support/fake-peer.js';
import { PATIENCE_MS, federatedRoom } from '../../support/federated.js';
import { ROOT } from '../../support/fleet-world.js';
import { eventually, gateways, type Gateway } from '../../support/gateway.js';
import { HostilePeer, type PeerAnswer } from '../../support/hostile-peer.js';
import { emptyCacheOf } from '../../support/lent-services.js';
import { Person } from '../../support/people.js';
import { rowCounts } from '../../support/row-counts.js';

type Mutation = Parameters<HostilePeer['call']>[1];

const SEND = '/_scaiwave/federation/v1/send';

/** What of a signed call is changed after signing, and the refusal that it earns. */
const MUTATED: readonly (readonly [what: string, code: ErrorCode, change: (signed: Readonly<Record<string, string>>, body: string) => Mutation])[] = [
  ['another method', 'SW_METHOD_NOT_ALLOWED', () => ({ method: 'GET' })],
  ['another path', 'SW_NOT_FOUND', () => ({ sentTarget: '/_scaiwave/federation/v1/sends' })],
  ['a query that was not signed', 'SW_FED_SIGNATURE_MISMATCH', () => ({ sentTarget: `${SEND}?x=1` })],
  ['another body', 'SW_FED_DIGEST_MISMATCH', (_, body) => ({ sentBody: ` ${body}` })],
  ['another body with its digest', 'SW_FED_SIGNATURE_MISMATCH', (_, body) => {
    const sentBody = body.replace('}', ' }');
    return { sentBody, headers: { 'content-digest': `sha-256=:${hash('sha256', sentBody, 'base64')}:` } };
  }],
  ['no digest', 'SW_FED_SIGNATURE_MISSING', () => ({ headers: { 'content-digest': undefined } })],
  ['another digest algorithm', 'SW_FED_SIGNATURE_MISSING', (signed) => ({ headers: { 'content-digest': signed['content-digest']?.replace('sha-256', 'sha-512') } })],
  ['another content type, though JSON', 'SW_FED_SIGNATURE_MISMATCH', () => ({ headers: { 'content-type': 'application/json; charset=utf-8' } })],
  ['a content type that is not JSON', 'SW_UNSUPPORTED_MEDIA_TYPE', () => ({ headers: { 'content-type': 'text/plain' } })],
  ['an encoded body', 'SW_UNSUPPORTED_MEDIA_TYPE', () => ({ headers: { 'content-encoding': 'gzip' } })],
  ['another origin', 'SW_FED_PEER_UNKNOWN', () => ({ headers: { 'x-scaiwave-origin': 'n.example' } })],
  ['no origin', 'SW_FED_SIGNATURE_MISSING', () => ({ headers: { 'x-scaiwave-origin': undefined } })],
  ['an origin that is no server name', 'SW_FED_SIGNATURE_MISSING', () => ({ headers: { 'x-scaiwave-origin': 'M.example' } })],
  ['the destination as origin', 'SW_FED_PEER_DENIED', () => ({ headers: { 'x-scaiwave-origin': 'a.example' } })],
  ['another destination', 'SW_FED_DESTINATION_UNKNOWN', () => ({ headers: { 'x-scaiwave-destination': 'other.example' } })],
  ['no destination', 'SW_FED_SIGNATURE_MISSING', () => ({ headers: { 'x-scaiwave-destination': undefined } })],
  ['no signature', 'SW_FED_SIGNATURE_MISSING', () => ({ headers: { signature: undefined } })],
  ['no signature input', 'SW_FED_SIGNATURE_MISSING', () => ({ headers: { 'signature-input': undefined } })],
  ['another signature', 'SW_FED_SIGNATURE_MISMATCH', () => ({ headers: { signature: `sw=:${Buffer.alloc(64, 1).toString('base64')}:` } })],
  ['a signature of another length', 'SW_FED_SIGNATURE_MISSING', () => ({ headers: { signature: `sw=:${Buffer.alloc(63, 1).toString('base64')}:` } })],
  ['a signature under another label', 'SW_FED_SIGNATURE_MISSING', (signed) => ({ headers: { signature: signed['signature']?.replace(/^sw=/, 'ws=') } })],
  ['a later time', 'SW_FED_SIGNATURE_MISMATCH', (signed) => ({ headers: { 'signature-input': raised(signed, 'created', 1) } })],
  ['a longer life', 'SW_FED_SIGNATURE_EXPIRED', (signed) => ({ headers: { 'signature-input': raised(signed, 'expires', 1) } })],
  ['a shorter life', 'SW_FED_SIGNATURE_MISMATCH', (signed) => ({ headers: { 'signature-input': raised(signed, 'expires', -1) } })],
  ['another nonce', 'SW_FED_SIGNATURE_MISMATCH', (signed) => replaced(signed, /nonce="[^"]*"/, `nonce="${'n'.repeat(32)}"`)],
  ['no nonce', 'SW_FED_SIGNATURE_MISSING', (signed) => replaced(signed, /;nonce="[^"]*"/, '')],
  ['a key id that is unknown', 'SW_FED_KEY_UNKNOWN', (signed) => replaced(signed, /#[^"]*"/, `#${'k'.repeat(22)}"`)],
  ['a key of another server', 'SW_FED_SIGNATURE_MISMATCH', (signed) => replaced(signed, /keyid="[^#]*/, 'keyid="n.example')],
  ['another algorithm', 'SW_FED_SIGNATURE_MISSING', (signed) => replaced(signed, /alg="ed25519"/, 'alg="hmac-sha256"')],
  ['another tag', 'SW_FED_SIGNATURE_MISSING', (signed) => replaced(signed, /tag="[^"]*"/, 'tag="something"')],
  ['a parameter more', 'SW_FED_SIGNATURE_MISSING', (signed) => replaced(signed, /$/, ';extra="1"')],
  ['a component less', 'SW_FED_SIGNATURE_MISSING', (signed) => replaced(signed, / "content-digest"/, '')],
  ['components in another order', 'SW_FED_SIGNATURE_MISSING', (signed) => replaced(signed, /"@method" "@path"/, '"@path" "@method"')],
];

function raised(signed: Readonly<Record<string, string>>, name: string, by: number): string {
  return (signed['signature-input'] ?? '').replace(new RegExp(`${name}=(\\d+)`), (_, seconds: string) => `${name}=${Number(seconds) + by}`);
}

function replaced(signed: Readonly<Record<string, string>>, what: RegExp, by: string): Mutation {
  return { headers: { 'signature-input': (signed['signature-input'] ?? '').replace(what, by) } };
}

function expectCode(answer: PeerAnswer, code: ErrorCode, why: string): void {
  expect({ status: answer.status, code: answer.body.error?.code }, why).to.deep.equal({ status: ERRORS[code].status, code });
}

describe('a signed request to a.example', function () {
  this.timeout(60_000);
  let a: Gateway;
  let mallory: HostilePeer;
  let nobody: HostilePeer;
  let room: string;

  before(async () => {
    [mallory, nobody] = [await HostilePeer.listen('m.example'), await HostilePeer.listen('n.example')];
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url, 'n.example': nobody.url } })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['m.example'] });
    const alice = await Person.of(a, 'alice');
    const federated = await federatedRoom(alice);
    room = federated.room_alias;
    await eventually(async () => (await mallory.results(a, [{ kind: 'event', event: mallory.event(room) }]).catch(() => undefined)) !== undefined);
    // A member, so that what is refused below is refused for the request alone.
    await alice.do('POST', `/v1/rooms/${federated.id}/invite`, { fqid: '@mallory:m.example' });
    expect(await mallory.results(a, [{ kind: 'event', event: mallory.membership(room, 'join') }])).to.deep.equal([{ status: 'accepted' }]);
  });
  after(async () => {
    await a.end();
    await Promise.all([mallory.close(), nobody.close()]);
  });

  const unchanged = async (act: () => Promise<void>): Promise<void> => {
    const before = await rowCounts(a);
    await act();
    expect(await rowCounts(a)).to.deep.equal(before);
  };

  const intact = (nonce: string): { readonly body: string; readonly nonce: string } => ({ body: JSON.stringify({ event: mallory.event(room) }), nonce: nonce.padEnd(24, 'x') });

  it('is taken as it was signed, and what it carries is stored', async () => {
    const before = await rowCounts(a);
    const { status, body } = await mallory.call(a, intact('intact'));
    expect([status, body.error]).to.deep.equal([200, undefined]);
    const after = await rowCounts(a);
    expect(after['entries']).to.equal((before['entries'] ?? 0) + 1);
  });

  it('with any part changed after signing is refused with its code, and leaves nothing', async () => {
    await unchanged(async () => {
      for (const [what, code, change] of MUTATED) {
        const options = intact(Buffer.from(what).toString('base64url').slice(0, 64));
        const signed = mallory.fake.call(mallory.server, options).headers;
        expectCode(await mallory.call(a, { ...options, ...change(signed, options.body) }), code, what);
      }
    });
  });

  it('that is sent again is refused', async () => {
    const nonce = 'r'.repeat(32);
    const body = JSON.stringify({ batch_id: 'again', items: [{ kind: 'event', event: mallory.event(room) }] });
    const whole = { body, nonce };
    expect((await mallory.call(a, whole)).status).to.equal(200);
    await unchanged(async () => expectCode(await mallory.call(a, whole), 'SW_FED_REPLAY', 'the same nonce'));
  });

  it('that is sent again to a node that lost its nonces is answered, and does nothing twice', async () => {
    const alice = await Person.of(a, 'alice');
    const room = await federatedRoom(alice);
    await alice.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: '@mallory:m.example' });
    expect(await mallory.results(a, [{ kind: 'event', event: mallory.membership(room.room_alias, 'join') }])).to.deep.equal([{ status: 'accepted' }]);
    const event = mallory.event(room.room_alias);
    const whole = { body: JSON.stringify({ batch_id: 'forgotten', items: [{ kind: 'event', event }] }), nonce: 'f'.repeat(32) };
    expect((await mallory.call(a, whole)).body.data?.results).to.deep.equal([{ status: 'accepted' }]);
    await a.stop();
    const [tenant] = await a.database.asOwner<{ tenant_id: string }>('select tenant_id from tenants');
    await emptyCacheOf(tenant?.tenant_id ?? '');
    await a.start();
    await unchanged(async () => {
      const { status, body } = await mallory.call(a, whole);
      expect(status).to.equal(200);
      expect(body.data?.results?.[0]).to.include({ status: 'duplicate', event_hash: hash('sha256', event, 'hex') });
    });
  });

  // A second more is left to the way that a request takes.
  it('is taken when its clock is 58 seconds off, and refused at 61 behind or 62 ahead', async () => {
    const call = (offMs: number) => mallory.call(a, { body: JSON.stringify({ batch_id: 'clock', items: [{ kind: 'event', event: mallory.event(room) }] }), nowMs: Date.now() + offMs });
    for (const offMs of [-58_000, 58_000]) expect((await call(offMs)).status, `${offMs}`).to.equal(200);
    await unchanged(async () => {
      for (const offMs of [-61_000, 62_000]) expectCode(await call(offMs), 'SW_FED_SIGNATURE_EXPIRED', `${offMs}`);
    });
  });

  it('signed by a key that its server does not show is refused', async () => {
    const stranger = new FakePeer('m.example', () => Date.now());
    await unchanged(async () => expectCode(await mallory.call(a, { ...intact('stranger'), key: stranger.current }), 'SW_FED_KEY_UNKNOWN', 'another key'));
  });

  it('of a server that is not an allowed peer is refused, and nothing is asked of that server', async () => {
    await unchanged(async () => expectCode(await nobody.call(a, intact('nobody')), 'SW_FED_PEER_UNKNOWN', 'not invited'));
    expect(nobody.fake.asked).to.equal(0);
  });

  it('that is larger than a batch may be is refused before it is read', async () => {
    await unchanged(async () => {
      const answer = await mallory.call(a, { body: JSON.stringify({ batch_id: 'big', items: [], filler: 'x'.repeat(1_200_000) }) });
      expectCode(answer, 'SW_BODY_TOO_LARGE', '1.2 MB');
    });
  });

  it('with more items or entries than a batch may have is refused whole', async () => {
    const event = mallory.event(room);
    await unchanged(async () => {
      expectCode(await mallory.batch(a, Array.from({ length: 101 }, () => ({ kind: 'event', event }))), 'SW_BAD_SCHEMA', '101 items');
      const run = { kind: 'log', room: '!room-00000000-0000-4000-8000-000000000000:m.example', first_seq: 1, prev_hash: '0'.repeat(64), head: event };
      const entries = Array.from({ length: 101 }, (_, index) => ({ seq: index + 1, at: 1, event }));
      expectCode(await mallory.batch(a, [{ ...run, entries }]), 'SW_BAD_SCHEMA', '101 entries');
    });
  });

  it('whose body is not strict JSON, or not of the documented shape, is refused', async () => {
    await unchanged(async () => {
      for (const body of ['', '{', '[]', '{"event":1,"event":2}', '{"__proto__":{}}', `{"a":${'['.repeat(40)}${']'.repeat(40)}}`, '{"event":"\\u0000"}', '{"event":"\\ud800"}']) {
        const { status, body: answer } = await mallory.call(a, { body });
        expect({ status, known: ['SW_BAD_JSON', 'SW_BAD_SCHEMA'].includes(answer.error?.code ?? '') }, body).to.deep.equal({ status: 400, known: true });
      }
    });
  });

  it('of a denied server is refused from the moment of its denial', async () => {
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { denied_peers: ['m.example'] });
    await unchanged(async () => {
      await eventually(async () => (await mallory.single(a, mallory.event(room))).body.error?.code === 'SW_FED_PEER_DENIED', 3_000);
      expectCode(await mallory.single(a, mallory.event(room)), 'SW_FED_PEER_DENIED', 'denied');
    });
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { denied_peers: [] });
  });
});

describe('a signed request to one of two tenants of a node', function () {
  this.timeout(60_000);
  let a: Gateway;
  let mallory: HostilePeer;

  before(async () => {
    mallory = await HostilePeer.listen('m.example');
    [a] = (await gateways(['a.example'], { peers: { 'm.example': mallory.url } })) as [Gateway];
    await a.ask(ROOT, 'POST', '/v1/admin/tenants', { slug: 'second', name: 'Second', scaikey_tenant_id: 'tnt_second', server_name: 'second.example' });
    for (const by of ['admin', 'mock:second:admin:tenant_admin']) await a.ask(by, 'PUT', '/v1/admin/federation/policy', { allowed_peers: ['m.example'] });
  });
  after(async () => {
    await a.end();
    await mallory.close();
  });

  it('is refused by the other', async () => {
    const room = (await federatedRoom(await Person.of(a, 'alice'))).room_alias;
    const second = { ...a, name: 'second.example' };
    const call = (to: Gateway, destination: string): Promise<PeerAnswer> => mallory.call(to, { body: JSON.stringify({ event: mallory.event(room) }), headers: { 'x-scaiwave-destination': destination } });
    // Each lets her request in, and refuses what it carries.
    for (const [to, code] of [[a, 'SW_NOT_MEMBER'], [second, 'SW_ROOM_NOT_FOUND']] as const) await eventually(async () => (await call(to, to.name)).body.error?.code === code);
    for (const [to, other] of [[a, second], [second, a]] as const) expectCode(await call(to, other.name), 'SW_FED_SIGNATURE_MISMATCH', `signed for ${to.name}`);
  });
});

describe('a server that is met for the first time', function () {
  this.timeout(60_000);
  let a: Gateway;
  const peers = new Map<string, HostilePeer>();
  const names = ['unknown', 'small-order', 'sample-key', 'liar', 'unsigned'].map((name) => `${name}.example`);

  before(async () => {
    for (const name of names) peers.set(name, await HostilePeer.listen(name));
    [a] = (await gateways(['a.example'], { peers: Object.fromEntries([...peers].map(([name, { url }]) => [name, url])) })) as [Gateway];
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { default_mode: 'open' });
  });
  after(async () => {
    await a.end();
    await Promise.all([...peers.values()].map((peer) => peer.close()));
  });

  const peerNamed = (name: string): HostilePeer => peers.get(`${name}.example`) ?? expect.fail(name);
  const elsewhere = '!room-00000000-0000-4000-8000-000000000000:a.example';

  it('is told to come back under an open policy, and is heard once its descriptor has been read', async () => {
    const peer = peerNamed('unknown');
    const first = await peer.single(a, peer.event(elsewhere));
    expectCode(first, 'SW_FED_PEER_UNKNOWN', 'at first');
    expect(first.retryAfter).to.equal('5');
    await eventually(async () => (await peer.single(a, peer.event(elsewhere))).body.error?.code === 'SW_ROOM_NOT_FOUND', PATIENCE_MS);
    expect(peer.fake.asked).to.equal(1);
    const seen = await a.ask<{ server_name: string; state: string }[]>('admin', 'GET', '/v1/admin/federation/peers');
    expect(seen.map(({ server_name, state }) => ({ server_name, state }))).to.deep.include({ server_name: 'unknown.example', state: 'active' });
  });

  const badDescriptors: Readonly<Record<string, (peer: HostilePeer) => string>> = {
    'small-order': (peer) => peer.document().toString('utf8').replaceAll(/ed25519:[A-Za-z0-9+/]{43}=/g, `ed25519:${Buffer.from(`01${'00'.repeat(31)}`, 'hex').toString('base64')}`),
    'sample-key': (peer) => peer.document().toString('utf8').replaceAll(/ed25519:[A-Za-z0-9+/]{43}=/g, 'ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='),
    liar: () => new FakePeer('other.example', () => Date.now()).document().toString('utf8'),
    unsigned: (peer) => JSON.stringify({ ...(JSON.parse(peer.document().toString('utf8')) as object), serial: 7 }),
  };

  for (const [name, write] of Object.entries(badDescriptors)) {
    it(`is never heard when it describes itself wrongly: ${name}`, async () => {
      const peer = peerNamed(name);
      const document = Buffer.from(write(peer));
      let asked = 0;
      peer.document = () => {
        asked += 1;
        return document;
      };
      const before = await rowCounts(a);
      expectCode(await peer.single(a, peer.event(elsewhere)), 'SW_FED_PEER_UNKNOWN', 'at first');
      await eventually(async () => asked > 0, 5_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expectCode(await peer.single(a, peer.event(elsewhere)), 'SW_FED_PEER_UNKNOWN', 'afterwards');
      expect(asked, 'a failure is remembered').to.equal(1);
      expect(await rowCounts(a)).to.deep.equal(before);
    });
  }
});
