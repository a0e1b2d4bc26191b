import { expect } from 'chai';
import { verifyBridgeSignature } from '../../src/protocol/bridge-signature.js';
import { admitPublicKey } from '../../src/protocol/keys.js';
import { checkDigest, readRequestSignature, verifyRequestSignature } from '../../src/protocol/request-signature.js';
import { checkScaikeySignature, readScaikeyEvent } from '../../src/protocol/scaikey-event.js';
import { verifyStandardWebhook } from '../../src/protocol/standard-webhooks.js';
import { customTransport } from '../../src/protocol/transports/custom.js';
import { contract, fixture, outcome, testKey, type Vector } from '../support/fixtures.js';

interface RequestCase extends Vector {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly now_ms: number;
  readonly key: string;
  readonly base?: string;
  readonly expect: string;
}

interface BridgeFile {
  readonly secrets: readonly { secret: string; expires_at_ms: number | null }[];
  readonly cases: readonly (Vector & { headers: string[]; body: string; now_ms: number; expect: number | string })[];
}

interface WebhookFile {
  readonly secrets: readonly string[];
  readonly cases: readonly (Vector & {
    id: string;
    timestamp: string;
    signature: string;
    body: string;
    now_ms: number;
    expect: number | string;
  })[];
}

interface ScaikeyFile {
  readonly secret: string;
  readonly at_us: number;
  readonly cases: readonly (Vector & { headers: Readonly<Record<string, string>>; body: string; now_ms: number; expect: string })[];
}

interface MessageCase extends Vector {
  readonly body: object;
  readonly read?: object;
  readonly expect: string;
}

describe('request signatures (fixtures/request-signature.json)', () => {
  for (const vector of fixture<{ cases: RequestCase[] }>('request-signature').cases) {
    it(`${vector.expect === 'ok' ? 'accepts' : `refuses with ${vector.expect}`}: ${vector.why}`, async () => {
      const { method, target, headers: rawHeaders } = vector;
      const key = admitPublicKey(testKey(vector.key).publicKey);
      const judged = await outcome(async () => {
        const read = readRequestSignature({ method, target, rawHeaders }, vector.now_ms);
        if (vector.base !== undefined) expect(read.signedBytes.toString('latin1')).to.equal(vector.base);
        await verifyRequestSignature(read, key);
        checkDigest(read, Buffer.from(vector.body, 'utf8'));
      });
      expect(judged).to.equal(vector.expect);
    });
  }
});

describe('native bridge signatures (fixtures/bridge-signature.json)', () => {
  const { secrets, cases } = fixture<BridgeFile>('bridge-signature');
  const held = secrets.map(({ secret, expires_at_ms }) => ({ secret, expiresAtMs: expires_at_ms ?? undefined }));
  for (const vector of cases) {
    it(`${typeof vector.expect === 'number' ? 'accepts' : 'refuses'} ${vector.why}`, async () => {
      const signed = { headerValues: vector.headers, body: Buffer.from(vector.body, 'utf8') };
      const verify = (): number => verifyBridgeSignature(signed, held, vector.now_ms);
      if (typeof vector.expect === 'number') expect(verify()).to.equal(vector.expect);
      else expect(await outcome(verify)).to.equal(vector.expect);
    });
  }

  it('refuses everything under an empty secret', async () => {
    const vector = cases.find(({ why }) => why === 'the empty secret');
    const signed = { headerValues: vector?.headers ?? [], body: Buffer.from(vector?.body ?? '', 'utf8') };
    const verify = (): number => verifyBridgeSignature(signed, [{ secret: '', expiresAtMs: undefined }], vector?.now_ms ?? 0);
    expect(await outcome(verify)).to.equal('SW_BRIDGE_SIGNATURE');
  });
});

describe('events of ScaiKey (fixtures/scaikey-event.json)', () => {
  const { secret, at_us, cases } = fixture<ScaikeyFile>('scaikey-event');
  for (const [index, vector] of cases.entries()) {
    it(`${vector.expect === 'ok' ? 'accepts' : `refuses with ${vector.expect}`}: ${vector.why}`, async () => {
      const signed = { headers: vector.headers, body: Buffer.from(vector.body, 'utf8') };
      const judged = await outcome(() => {
        checkScaikeySignature(signed, secret, vector.now_ms);
        const event = readScaikeyEvent(contract, signed, vector.now_ms);
        if (index === 0) expect(event).to.deep.include({ atUs: at_us, tenantId: 'tnt_acme', partnerId: null, type: 'user.suspended' });
      });
      expect(judged).to.equal(vector.expect);
    });
  }

  it('refuses everything under an empty secret', async () => {
    const vector = cases.find(({ why }) => why === 'the empty secret');
    const signed = { headers: vector?.headers ?? {}, body: Buffer.from(vector?.body ?? '', 'utf8') };
    expect(await outcome(() => checkScaikeySignature(signed, '', vector?.now_ms ?? 0))).to.equal('SW_SCAIKEY_SIGNATURE');
  });
});

describe('Standard Webhooks (fixtures/standard-webhooks.json)', () => {
  const { secrets, cases } = fixture<WebhookFile>('standard-webhooks');
  for (const vector of cases) {
    it(`${typeof vector.expect === 'number' ? 'accepts' : 'refuses'} ${vector.why}`, async () => {
      const headers = {
        'webhook-id': vector.id,
        'webhook-timestamp': vector.timestamp,
        'webhook-signature': vector.signature,
      };
      const message = { headers, body: Buffer.from(vector.body, 'utf8') };
      const verify = (): number => verifyStandardWebhook(secrets, message, vector.now_ms);
      if (typeof vector.expect === 'number') expect(verify()).to.equal(vector.expect);
      else expect(await outcome(verify)).to.equal(vector.expect);
    });
  }
});

describe('native bridge bodies (fixtures/bridge-message.json)', () => {
  for (const vector of fixture<{ cases: MessageCase[] }>('bridge-message').cases) {
    it(`${vector.expect === 'ok' ? 'reads' : 'refuses'} ${vector.why}`, async () => {
      const body = Buffer.from(JSON.stringify(vector.body));
      expect(await outcome(() => customTransport.readInbound(contract, body))).to.equal(vector.expect);
      if (vector.expect === 'ok') expect(customTransport.readInbound(contract, body)).to.deep.include(vector.read ?? {});
    });
  }
});
