import { expect } from 'chai';
import { readDescriptor } from '../../src/protocol/descriptor.js';
import type { ServerKey } from '../../src/protocol/key-history.js';
import { keysTrustedFrom, type PinnedKey } from '../../src/protocol/key-trust.js';
import { admitPublicKey, publicKeyText } from '../../src/protocol/keys.js';
import { contract, fixture, outcome, testKey, type Vector } from '../support/fixtures.js';
import { hash } from 'node:crypto';
import { parseServerName } from '../../src/kernel/ids.js';

interface AdmissionCase extends Vector {
  readonly public_key: string;
  readonly expect: string;
}

interface DescriptorCase extends Vector {
  readonly descriptor: { readonly keys: readonly object[]; readonly public_key: string };
  readonly expect: string;
}

interface ListedKey {
  readonly name: string;
  readonly revoked_at?: number;
  readonly days?: number;
}

interface TrustCase extends Vector {
  readonly pinned: readonly ListedKey[];
  readonly pinned_serial: number;
  readonly next: string | null;
  readonly listed: readonly ListedKey[];
  readonly serial: number;
  readonly expect: string;
}

describe('key admission (fixtures/key-admission.json)', () => {
  for (const vector of fixture<{ cases: AdmissionCase[] }>('key-admission').cases) {
    it(`${vector.expect === 'ok' ? 'admits' : 'refuses'} a key ${vector.why} (${vector.public_key.slice(0, 8)}…)`, async () => {
      expect(await outcome(() => admitPublicKey(Buffer.from(vector.public_key, 'hex')))).to.equal(vector.expect);
    });
  }
});

describe('descriptors (fixtures/descriptor.json)', () => {
  for (const vector of fixture<{ cases: DescriptorCase[] }>('descriptor').cases) {
    it(`${vector.expect === 'ok' ? 'accepts' : 'refuses'} ${vector.why}`, async () => {
      const bytes = Buffer.from(JSON.stringify(vector.descriptor));
      const read = (): Promise<{ keys: readonly ServerKey[] }> => readDescriptor(contract, bytes, parseServerName('a.example'));
      expect(await outcome(read)).to.equal(vector.expect);
      if (vector.expect !== 'ok') return;
      const { keys } = await read();
      expect(keys).to.have.length(vector.descriptor.keys.length);
      expect(publicKeyText(keys.at(-1)?.publicKey ?? Buffer.alloc(0))).to.equal(vector.descriptor.public_key);
    });
  }
});

describe('trust in keys (fixtures/key-trust.json)', () => {
  for (const vector of fixture<{ cases: TrustCase[] }>('key-trust').cases) {
    it(`${vector.why}: ${vector.expect}`, () => {
      const pinned = {
        serial: vector.pinned_serial,
        keys: vector.pinned.map(keyOf),
        nextKeySha256: vector.next === null ? null : hash('sha256', testKey(vector.next).publicKey, 'hex'),
      };
      const verdict = keysTrustedFrom(pinned, { serial: vector.serial, keys: vector.listed.map(keyOf) });
      expect(verdict.verdict).to.equal(vector.expect);
      if (verdict.verdict !== 'trusted') return;
      const kept = verdict.keys.map((key: PinnedKey) => key.keyId);
      expect(kept).to.include.members([...vector.pinned, ...vector.listed].map(({ name }) => testKey(name).keyId));
      expect(new Set(kept).size).to.equal(kept.length);
    });
  }
});

function keyOf(listed: ListedKey): ServerKey {
  const { keyId, publicKey } = testKey(listed.name);
  return {
    keyId,
    publicKey,
    key: admitPublicKey(publicKey),
    notBeforeMs: 0,
    notAfterMs: (listed.days ?? 395) * 86_400_000,
    revokedAtMs: listed.revoked_at,
  };
}
