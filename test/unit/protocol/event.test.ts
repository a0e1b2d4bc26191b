import { expect } from 'chai';
import { parseFqid, parseLogName, parseServerName, parseWireEventId } from '../../../src/kernel/ids.js';
import type { WireEvent } from '../../../src/kernel/events.js';
import { genesis, hashText } from '../../../src/protocol/chain.js';
import { checkOriginTime, eventHash, readEvent, signEvent } from '../../../src/protocol/event.js';
import { keyHoldsAt, proveNextKey } from '../../../src/protocol/key-history.js';
import { readDescriptor, signDescriptor } from '../../../src/protocol/descriptor.js';
import { generateSigningKey, publicKeyText, type SigningKey } from '../../../src/protocol/keys.js';
import { contract, outcome, testKey } from '../../support/fixtures.js';

const key = testKey('home');
const event: WireEvent = {
  id: parseWireEventId('5c1ffee0-0000-4000-8000-000000000001'),
  room: parseLogName('!room-5c1ffee0-0000-4000-8000-0000000000aa:a.example'),
  origin: parseServerName('a.example'),
  sender: parseFqid('@ada:a.example'),
  type: 'swp.room.message',
  content: { msgtype: 'swp.text', body: 'hello' },
  origin_ts: 1_800_000_000_000,
  seen: { seq: 0, hash: hashText(genesis()) },
};

describe('own events', () => {
  it('are read as they were signed', () => {
    const text = signEvent(key, event);
    expect(readEvent(contract, text)).to.deep.include({ event, eventHash: eventHash(text) });
  });

  it('have one text: the same event signed twice is the same', () => {
    expect(signEvent(key, event)).to.equal(signEvent(key, event));
  });
});

describe('the time of an event', () => {
  for (const [aheadMs, expected] of [
    [60_000, 'ok'],
    [60_001, 'SW_FED_EVENT_IN_FUTURE'],
    [-86_400_000, 'ok'],
  ] as const) {
    it(`may be ${aheadMs} ms ahead: ${expected}`, async () => {
      expect(await outcome(() => checkOriginTime(event, event.origin_ts - aheadMs))).to.equal(expected);
    });
  }
});

describe('the time of a key', () => {
  const span = { notBeforeMs: 10, notAfterMs: 20, revokedAtMs: undefined };
  for (const [why, times, atMs, holds] of [
    ['before it begins', span, 9, false],
    ['as it begins', span, 10, true],
    ['just before it ends', span, 19, true],
    ['as it ends', span, 20, false],
    ['just before it was revoked', { ...span, revokedAtMs: 15 }, 14, true],
    ['as it was revoked', { ...span, revokedAtMs: 15 }, 15, false],
  ] as const) {
    it(`${holds ? 'holds' : 'does not hold'} ${why}`, () => expect(keyHoldsAt(times, atMs)).to.equal(holds));
  }
});

describe('own descriptors', () => {
  const old = wireKey(key, 1, undefined);
  const next = generateSigningKey(key.server, Buffer.alloc(32, 5));

  it('verify with one key', async () => {
    const bytes = Buffer.from(JSON.stringify(signDescriptor(key, { serial: 1, keys: [old], nextKeySha256: null })));
    expect((await readDescriptor(contract, bytes, key.server)).keys).to.have.length(1);
  });

  it('verify after a rotation', async () => {
    const keys = [old, wireKey(next, 50, proveNextKey(key, next.publicKey, 50))];
    const bytes = Buffer.from(JSON.stringify(signDescriptor(next, { serial: 2, keys, nextKeySha256: null })));
    expect((await readDescriptor(contract, bytes, key.server)).keys.map(({ keyId }) => keyId)).to.deep.equal([key.keyId, next.keyId]);
  });

  it('are refused over 64 KiB before they are parsed', async () => {
    expect(await outcome(() => readDescriptor(contract, Buffer.alloc(64 * 1024 + 1, '['), key.server))).to.equal('SW_FED_DESCRIPTOR_INVALID');
  });
});

describe('signing keys', () => {
  it('are not made of a seed that everybody knows', async () => {
    for (const byte of [0, 1, 255]) {
      expect(await outcome(() => generateSigningKey(key.server, Buffer.alloc(32, byte)))).to.equal('SW_FED_KEY_REFUSED');
    }
  });

  it('are not made of too few bytes', async () => {
    expect(await outcome(() => generateSigningKey(key.server, Buffer.alloc(31, 9)))).to.equal('SW_FED_KEY_REFUSED');
  });
});

function wireKey(of: SigningKey, notBefore: number, proof: string | undefined): Parameters<typeof signDescriptor>[1]['keys'][number] {
  return {
    id: of.keyId,
    public_key: publicKeyText(of.publicKey),
    not_before: notBefore,
    not_after: notBefore + 1_000,
    ...(proof === undefined ? {} : { proof }),
  };
}
