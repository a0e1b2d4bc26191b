import { expect } from 'chai';
import { CompactEncrypt, generateKeyPair, importJWK, SignJWT, type JWTHeaderParameters, type JWK } from 'jose';
import { Egress } from '../../../src/egress/egress.js';
import { egressFetch } from '../../../src/egress/egress-fetch.js';
import { GatewayError, type ErrorCode } from '../../../src/kernel/errors.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { systemClock, systemTimers } from '../../../src/kernel/system-ports.js';
import { ScaikeyKeys, type KeySetTimes } from '../../../src/verify/scaikey-keys.js';
import { ScaikeyTokens } from '../../../src/verify/scaikey-token.js';
import { TokenMemory } from '../../../src/verify/token-memory.js';
import { scaikeyTokens, type VerifyUserToken } from '../../../src/verify/user-token.js';
import { testScaikey, type TestScaikey } from '../../support/scaikey.js';
import { silentMeter } from '../../support/silent-ports.js';

const ANNA = { tenantId: 'tnt_widget0001', subject: 'usr_anna' };
const TIMES: KeySetTimes = { cooldownMs: 200, earlyFetchesMax: 3, cacheMs: 60_000, staleMs: 60_000 };

async function expectCode(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  const thrown = await work.then(
    () => new Error('the token was taken'),
    (error: unknown) => error,
  );
  expect(thrown).to.be.instanceOf(GatewayError);
  expect(thrown).to.have.property('code', code);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe('tokens of ScaiKey', () => {
  let scaikey: TestScaikey;
  let egress: Egress;
  let offsetMs = 0;
  const clock = { nowMs: () => systemClock.nowMs() + offsetMs, monotonicMs: () => systemClock.monotonicMs() };

  before(async () => {
    scaikey = await testScaikey();
    egress = new Egress({ allow: [scaikey.url.slice('http://'.length)] }, systemTimers, systemClock, silentMeter);
  });

  after(async () => {
    await egress.close();
    await scaikey.close();
  });

  afterEach(() => {
    offsetMs = 0;
    scaikey.setAway(false);
  });

  function verifier(times: KeySetTimes = TIMES): VerifyUserToken {
    const fetch = egressFetch(egress, { totalMs: LIMITS.jwksTotalMs, answerBytesMax: LIMITS.jwksBytesMax });
    const keys = new ScaikeyKeys(scaikey.url, fetch, clock, silentMeter, times);
    return scaikeyTokens(new ScaikeyTokens({ url: scaikey.url, audiences: [scaikey.clientId, 'app_other'] }, keys, clock), new TokenMemory(clock), silentMeter);
  }

  /** Signs with a true key of the provider whatever a test makes up. */
  async function forged(claims: Readonly<Record<string, unknown>>, header: Partial<JWTHeaderParameters> = {}, jwk: JWK = scaikey.signingKey('ES256')): Promise<string> {
    const seconds = Math.floor(Date.now() / 1000);
    const base = { iss: `${scaikey.url}/tenants/${ANNA.tenantId}`, aud: scaikey.clientId, sub: ANNA.subject, tenant_id: ANNA.tenantId, iat: seconds, exp: seconds + 600 };
    const protectedHeader = { alg: 'ES256', kid: scaikey.signingKey('ES256').kid, ...header } as JWTHeaderParameters;
    const all = Object.fromEntries(Object.entries({ ...base, ...claims }).filter(([, value]) => value !== undefined));
    return new SignJWT(all).setProtectedHeader(protectedHeader).sign(await importJWK(jwk, protectedHeader.alg));
  }

  for (const algorithm of ['RS256', 'ES256', 'EdDSA'] as const) {
    it(`takes a token signed with ${algorithm} and reads who it is`, async () => {
      const claims = { partner_id: 'prt_1', preferred_username: 'anna', name: 'Anna', email: 'anna@widget.test' };
      const proven = await verifier()(await scaikey.token({ ...ANNA, algorithm, role: 'tenant_admin', claims }));
      expect(proven).to.deep.include({ tenant: { kind: 'scaikey', value: 'tnt_widget0001' }, subject: 'usr_anna', role: 'tenant_admin' });
      expect(proven).to.include({ partnerId: 'prt_1', username: 'anna', displayName: 'Anna', email: 'anna@widget.test' });
      expect(proven.expiresAtMs).to.be.within(Date.now() + 3_500_000, Date.now() + 3_700_000);
    });
  }

  it('gives an unknown role no power', async () => {
    expect(await verifier()(await scaikey.token({ ...ANNA, role: 'root' }))).to.have.property('role', 'member');
    expect(await verifier()(await scaikey.token(ANNA))).to.have.property('role', 'member');
  });

  it('takes any of the configured audiences, and the token that names several', async () => {
    expect(await verifier()(await scaikey.token({ ...ANNA, audience: 'app_other' }))).to.have.property('subject', 'usr_anna');
    expect(await verifier()(await forged({ aud: ['app_else', 'app_other'] }))).to.have.property('subject', 'usr_anna');
  });

  const BAD_CLAIMS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'the issuer of another tenant': { tenant_id: 'tnt_victim' },
    'another issuer': { iss: 'https://scaikey.example/tenants/tnt_widget0001' },
    'an issuer without a tenant': { iss: undefined },
    'a tenant that climbs': { tenant_id: '../x' },
    'no tenant': { tenant_id: undefined },
    'a tenant that is a list': { tenant_id: ['tnt_widget0001'] },
    'another audience': { aud: 'app_else' },
    'no audience': { aud: undefined },
    'no subject': { sub: undefined },
    'an empty subject': { sub: '' },
    'a subject that is an object': { sub: { id: 'usr_anna' } },
    'no end': { exp: undefined },
    'an end that is text': { exp: '9999999999' },
    'a beginning in the future': { nbf: Math.floor(Date.now() / 1000) + 86_400 },
    'an application instead of a person': { token_type: 'client_credentials' },
    'a platform token': { platform_token: true },
  };
  for (const [title, claims] of Object.entries(BAD_CLAIMS)) {
    it(`refuses a token with ${title}`, async () => {
      await expectCode(verifier()(await forged(claims)), 'SW_AUTH_INVALID_TOKEN');
    });
  }

  it('takes a token 59 s past its end and refuses it at 61 s', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    expect(await verifier()(await forged({ exp: seconds - 58 }))).to.have.property('subject', 'usr_anna');
    await expectCode(verifier()(await forged({ exp: seconds - 61 })), 'SW_AUTH_EXPIRED_TOKEN');
  });

  it('takes a token that begins within 60 s, and refuses one that begins later', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    expect(await verifier()(await forged({ nbf: seconds + 58 }))).to.have.property('subject', 'usr_anna');
    await expectCode(verifier()(await forged({ nbf: seconds + 90 })), 'SW_AUTH_INVALID_TOKEN');
  });

  describe('forgeries', () => {
    const BAD_HEADERS: Readonly<Record<string, Partial<JWTHeaderParameters>>> = {
      'a key of its own': { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' } },
      'an address of keys': { jku: 'https://evil.test/jwks.json' },
      certificates: { x5c: ['MIIB'] },
      'an address of certificates': { x5u: 'https://evil.test/cert.pem' },
      'another type': { typ: 'logout+jwt' },
    };
    for (const [title, header] of Object.entries(BAD_HEADERS)) {
      it(`refuses a token that brings ${title}`, async () => {
        const before = scaikey.fetches();
        await expectCode(verifier()(await forged({}, header)), 'SW_AUTH_INVALID_TOKEN');
        expect(scaikey.fetches()).to.equal(before);
      });
    }

    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

    it('refuses critical headers', async () => {
      const [, payload, signature] = (await forged({})).split('.');
      await expectCode(verifier()([part({ alg: 'ES256', crit: ['x'], x: 1 }), payload, signature].join('.')), 'SW_AUTH_INVALID_TOKEN');
    });

    for (const alg of ['none', 'None', 'NONE']) {
      it(`refuses alg ${alg}, with and without a signature`, async () => {
        const [, payload, signature] = (await forged({})).split('.');
        await expectCode(verifier()(`${part({ alg })}.${payload}.`), 'SW_AUTH_INVALID_TOKEN');
        await expectCode(verifier()(`${part({ alg })}.${payload}.${signature}`), 'SW_AUTH_INVALID_TOKEN');
      });
    }

    it('refuses HS256 keyed with a public key', async () => {
      const [publicKey] = scaikey.publicKeys();
      const secret: JWK = { kty: 'oct', k: Buffer.from(JSON.stringify(publicKey)).toString('base64url') };
      await expectCode(verifier()(await forged({}, { alg: 'HS256', kid: publicKey?.kid ?? '' }, secret)), 'SW_AUTH_INVALID_TOKEN');
    });

    it('refuses PS256 although the key could', async () => {
      const key = scaikey.signingKey('RS256');
      await expectCode(verifier()(await forged({}, { alg: 'PS256', kid: key.kid ?? '' }, { ...key, alg: 'PS256' })), 'SW_AUTH_INVALID_TOKEN');
    });

    for (const alg of ['PS256', 'RS384', 'RS512', 'ES384', 'HS256'] as const) {
      it(`refuses ${alg} under a key that fits it and says nothing of algorithms`, async () => {
        const { privateKey, publicKey } = alg === 'HS256' ? { privateKey: Buffer.alloc(32, 7), publicKey: Buffer.alloc(32, 7) } : await generateKeyPair(alg);
        const tokens = new ScaikeyTokens({ url: scaikey.url, audiences: [scaikey.clientId] }, { find: async () => publicKey }, clock);
        const seconds = Math.floor(Date.now() / 1000);
        const claims = { iss: `${scaikey.url}/tenants/${ANNA.tenantId}`, aud: scaikey.clientId, sub: ANNA.subject, tenant_id: ANNA.tenantId, iat: seconds, exp: seconds + 600 };
        await expectCode(tokens.verify(await new SignJWT(claims).setProtectedHeader({ alg, kid: 'any' }).sign(privateKey)), 'SW_AUTH_INVALID_TOKEN');
      });
    }

    it('refuses a changed payload and a changed signature', async () => {
      const [header, payload = '', signature = ''] = (await forged({})).split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
      await expectCode(verifier()([header, part({ ...claims, sub: 'usr_boss' }), signature].join('.')), 'SW_AUTH_INVALID_TOKEN');
      const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
      await expectCode(verifier()([header, payload, flipped].join('.')), 'SW_AUTH_INVALID_TOKEN');
      await expectCode(verifier()([header, payload, 'A'.repeat(86)].join('.')), 'SW_AUTH_INVALID_TOKEN');
    });

    it('refuses an encrypted token', async () => {
      const publicKey = await importJWK(scaikey.publicKeys().find(({ alg }) => alg === 'ES256') ?? {}, 'ECDH-ES');
      const encrypted = await new CompactEncrypt(Buffer.from('{}')).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' }).encrypt(publicKey);
      await expectCode(verifier()(encrypted), 'SW_AUTH_INVALID_TOKEN');
    });

    for (const token of ['', '.', '..', 'a.b', 'a.b.c', 'a.b.c.d', ' ', 'mock-dev-token', '{"payload":"x"}', 'é.é.é']) {
      it(`refuses "${token}"`, async () => {
        await expectCode(verifier()(token), 'SW_AUTH_INVALID_TOKEN');
      });
    }

    it('refuses an oversized token without looking for a key', async () => {
      const before = scaikey.fetches();
      await expectCode(verifier()(await forged({ padding: 'x'.repeat(LIMITS.tokenBytesMax) })), 'SW_AUTH_INVALID_TOKEN');
      expect(scaikey.fetches()).to.equal(before);
    });
  });

  describe('keys', () => {
    it('fetches once for many tokens at once', async () => {
      const verify = verifier();
      const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => scaikey.token({ ...ANNA, subject: `usr_${index}` })));
      const before = scaikey.fetches();
      await Promise.all(tokens.map(verify));
      expect(scaikey.fetches() - before).to.equal(1);
    });

    it('bounds the fetches for a flood of unknown keys, early ones included', async () => {
      const verify = verifier({ ...TIMES, cooldownMs: 1_000 });
      await verify(await scaikey.token(ANNA));
      const flood = await Promise.all(Array.from({ length: 50 }, (_, index) => forged({}, { kid: `unknown-${index}` })));
      const before = scaikey.fetches();
      for (const token of flood) await expectCode(verify(token), 'SW_AUTH_INVALID_TOKEN');
      expect(scaikey.fetches() - before).to.be.within(1, TIMES.earlyFetchesMax);
      await sleep(1_050);
      for (const token of flood) await expectCode(verify(token), 'SW_AUTH_INVALID_TOKEN');
      expect(scaikey.fetches() - before).to.be.within(2, 2 * TIMES.earlyFetchesMax + 1);
    });

    it('asks once for one unknown key, however many tokens bring it', async () => {
      const verify = verifier({ ...TIMES, cooldownMs: 60_000 });
      await verify(await scaikey.token(ANNA));
      const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => forged({ sub: `usr_${index}` }, { kid: 'unknown' })));
      const before = scaikey.fetches();
      await Promise.all(tokens.map((token) => expectCode(verify(token), 'SW_AUTH_INVALID_TOKEN')));
      await expectCode(verify(await forged({ sub: 'usr_later' }, { kid: 'unknown' })), 'SW_AUTH_INVALID_TOKEN');
      expect(scaikey.fetches() - before).to.equal(1);
    });

    it('takes tokens of a key that was rotated in a moment ago, all at once, without waiting for the cooldown', async () => {
      const verify = verifier({ ...TIMES, cooldownMs: 60_000 });
      await verify(await scaikey.token(ANNA));
      await scaikey.rotate();
      const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => scaikey.token({ ...ANNA, subject: `usr_${index}` })));
      const before = scaikey.fetches();
      for (const proven of await Promise.all(tokens.map(verify))) expect(proven.subject).to.match(/^usr_/);
      expect(scaikey.fetches() - before).to.equal(1);
    });

    it('takes a rotated key when the cooldown is over, and old keys while they are published', async () => {
      const verify = verifier();
      const old = await scaikey.token(ANNA);
      await verify(old);
      await scaikey.rotate();
      await sleep(250);
      expect(await verify(await scaikey.token({ ...ANNA, subject: 'usr_new' }))).to.have.property('subject', 'usr_new');
      expect(await verifier()(old)).to.have.property('subject', 'usr_anna');
    });

    it('refuses a key that is no longer published', async () => {
      const old = await scaikey.token(ANNA);
      await scaikey.rotate({ forget: true });
      await expectCode(verifier()(old), 'SW_AUTH_INVALID_TOKEN');
    });

    it('says unavailable, not invalid, while the keys cannot be had, and asks once for each cooldown', async () => {
      const verify = verifier();
      const token = await scaikey.token(ANNA);
      scaikey.setAway(true);
      const before = scaikey.fetches();
      for (let index = 0; index < 20; index += 1) await expectCode(verify(token), 'SW_UNAVAILABLE');
      expect(scaikey.fetches() - before).to.equal(1);
      scaikey.setAway(false);
      await sleep(250);
      expect(await verify(token)).to.have.property('subject', 'usr_anna');
    });

    it('goes on with the last keys while ScaiKey is away, for a while', async () => {
      const verify = verifier({ cooldownMs: 10, earlyFetchesMax: 3, cacheMs: 50, staleMs: 400 });
      await verify(await scaikey.token(ANNA));
      const [second, third] = [await scaikey.token({ ...ANNA, subject: 'usr_2' }), await scaikey.token({ ...ANNA, subject: 'usr_3' })];
      scaikey.setAway(true);
      await sleep(100);
      expect(await verify(second)).to.have.property('subject', 'usr_2');
      await sleep(400);
      await expectCode(verify(third), 'SW_UNAVAILABLE');
    });
  });

  describe('memory', () => {
    it('does not verify a token again at once, and forgets it at its end', async () => {
      const verify = verifier();
      const seconds = Math.floor(Date.now() / 1000);
      const token = await forged({ exp: seconds + 30 });
      expect(await verify(token)).to.equal(await verify(token));
      offsetMs = 31_000;
      expect(await verify(token)).to.have.property('subject', 'usr_anna');
      offsetMs = 120_000;
      await expectCode(verify(token), 'SW_AUTH_EXPIRED_TOKEN');
    });

    it('keeps no more tokens than its bound', async () => {
      const memory = new TokenMemory(clock, 2);
      const proven = await verifier()(await scaikey.token(ANNA));
      for (const token of ['a', 'b', 'c']) memory.keep(token, proven);
      expect(['a', 'b', 'c'].map((token) => memory.find(token) !== undefined)).to.deep.equal([false, true, true]);
    });
  });
});
