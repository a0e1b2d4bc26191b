import { expect } from 'chai';
import { createPublicKey, sign, verify } from 'node:crypto';
import { httpbis } from 'http-message-signatures';
import { compactVerify, CompactSign, importJWK } from 'jose';
import { Webhook } from 'standardwebhooks';
import { parseServerName } from '../../../src/kernel/ids.js';
import { bridgeSecretOf } from '../../../src/protocol/bridge-signature.js';
import { readJws, signJws, verifyJws } from '../../../src/protocol/jws.js';
import { admitPublicKey, generateSigningKey } from '../../../src/protocol/keys.js';
import { readRequestSignature, signRequest, verifyRequestSignature } from '../../../src/protocol/request-signature.js';
import { signStandardWebhook, verifyStandardWebhook } from '../../../src/protocol/standard-webhooks.js';

const NOW_MS = 1_800_000_000_000;
const key = generateSigningKey(parseServerName('a.example'), Buffer.alloc(32, 9));
const jwk = key.privateKey.export({ format: 'jwk' });
const keyid = `${key.server}#${key.keyId}`;

describe('other libraries agree: JWS', () => {
  it('jose verifies what we sign', async () => {
    const text = signJws(key, 'scaiwave-head+jws', { seq: 1 });
    const { payload, protectedHeader } = await compactVerify(text, createPublicKey(key.privateKey));
    expect(JSON.parse(Buffer.from(payload).toString())).to.deep.equal({ seq: 1 });
    expect(protectedHeader).to.deep.equal({ alg: 'EdDSA', kid: keyid, typ: 'scaiwave-head+jws' });
  });

  it('we verify what jose signs with the members in our order', async () => {
    const text = await new CompactSign(Buffer.from('{"seq":1}'))
      .setProtectedHeader({ alg: 'EdDSA', kid: keyid, typ: 'scaiwave-head+jws' })
      .sign(await importJWK(jwk, 'EdDSA'));
    expect(await verifyJws(readJws(text, 'scaiwave-head+jws'), admitPublicKey(key.publicKey))).to.equal(true);
  });
});

describe('other libraries agree: HTTP message signatures', () => {
  const target = '/_scaiwave/federation/v1/send?a=1&b=%20';
  const body = Buffer.from('{"batch_id":"b-1"}');
  const destination = parseServerName('b.example');

  for (const method of ['GET', 'POST'] as const) {
    it(`http-message-signatures verifies a ${method} that we sign`, async () => {
      const headers = signRequest(key, {
        destination,
        method,
        target,
        ...(method === 'POST' ? { body } : {}),
        nowMs: Date.now(),
        nonce: 'n0nce-n0nce-n0nce-n0nce',
      });
      const verified = await httpbis.verifyMessage(
        {
          keyLookup: async ({ keyid: id }) => {
            expect(id).to.equal(keyid);
            return { id: keyid, algs: ['ed25519'], verify: async (data, signature) => verify(null, data, createPublicKey(key.privateKey), signature) };
          },
        },
        { method, url: `https://b.example${target}`, headers },
      );
      expect(verified).to.equal(true);
    });
  }

  it('we verify what http-message-signatures signs', async () => {
    const digest = signRequest(key, { destination, method: 'POST', target, body, nowMs: NOW_MS, nonce: 'n0nce-n0nce-n0nce-n0nce' })['content-digest'] ?? '';
    const message = await httpbis.signMessage(
      {
        name: 'sw',
        key: { id: keyid, alg: 'ed25519', sign: async (data) => sign(null, data, key.privateKey) },
        fields: ['@method', '@path', '@query', 'x-scaiwave-origin', 'x-scaiwave-destination', 'content-digest', 'content-type'],
        params: ['created', 'expires', 'nonce', 'keyid', 'alg', 'tag'],
        paramValues: { created: new Date(NOW_MS), expires: new Date(NOW_MS + 60_000), nonce: 'n0nce-n0nce-n0nce-n0nce', tag: 'scaiwave-federation' },
      },
      {
        method: 'POST',
        url: `https://b.example${target}`,
        headers: { 'x-scaiwave-origin': 'a.example', 'x-scaiwave-destination': 'b.example', 'content-digest': digest, 'content-type': 'application/json' },
      },
    );
    const rawHeaders = Object.entries(message.headers).flatMap(([name, value]) => [name, String(value)]);
    await verifyRequestSignature(readRequestSignature({ method: 'POST', target, rawHeaders }, NOW_MS), admitPublicKey(key.publicKey));
  });
});

describe('other libraries agree: Standard Webhooks', () => {
  const secrets = [bridgeSecretOf(Buffer.alloc(32, 1)), bridgeSecretOf(Buffer.alloc(32, 2))];
  const body = Buffer.from('{"event_id":"m-1","text":"zwölf 🚂"}');

  it('standardwebhooks verifies what we sign, with either secret of a rotation', () => {
    const headers = signStandardWebhook(secrets, { id: 'evt-1', nowMs: Date.now(), body });
    for (const secret of secrets) expect(new Webhook(secret).verify(body, { ...headers })).to.deep.equal(JSON.parse(body.toString()));
  });

  it('standardwebhooks refuses what we sign with another secret', () => {
    const headers = signStandardWebhook(secrets, { id: 'evt-1', nowMs: Date.now(), body });
    expect(() => new Webhook(bridgeSecretOf(Buffer.alloc(32, 3))).verify(body, { ...headers })).to.throw();
  });

  it('we verify what standardwebhooks signs', () => {
    const signature = new Webhook(secrets[1] ?? '').sign('evt-1', new Date(NOW_MS), body.toString());
    const headers = { 'webhook-id': 'evt-1', 'webhook-timestamp': String(NOW_MS / 1000), 'webhook-signature': signature };
    expect(verifyStandardWebhook(secrets, { headers, body }, NOW_MS)).to.equal(1);
  });
});
