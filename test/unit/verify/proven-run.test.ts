import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { EVENT_TYPES, type WireEvent } from '../../../src/kernel/events.js';
import { parseFqid, parseLogName, parseServerName, parseTenantId, parseWireEventId, serverOf } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { tenantContext } from '../../../src/kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS } from '../../../src/kernel/tenant-limits.js';
import { genesis, chainNext, hashText } from '../../../src/protocol/chain.js';
import { eventHash } from '../../../src/protocol/event.js';
import { signHead } from '../../../src/protocol/head.js';
import { admitPublicKey, generateSigningKey, type SigningKey } from '../../../src/protocol/keys.js';
import { readInvitation } from '../../../src/protocol/invitation.js';
import { readRun, writeRun } from '../../../src/protocol/run.js';
import { ownEvent } from '../../../src/verify/proven-event.js';
import { HomeWord } from '../../../src/verify/proven-run.js';
import { contract, outcome } from '../../support/fixtures.js';

const NOW_MS = 1_700_000_000_000;
const key = (server: string): SigningKey => generateSigningKey(parseServerName(server), randomBytes(32));
const home = key('a.example');
const guest = key('b.example');
const room = parseLogName(`!room-${randomUUID()}:a.example`);
const ctx = tenantContext({
  tenantId: parseTenantId(randomUUID()),
  slug: 'c',
  name: 'C',
  scaikeyTenantId: 'c',
  partnerId: null,
  serverName: parseServerName('c.example'),
  status: 'active',
  limits: TENANT_LIMIT_DEFAULTS,
  features: {},
  epoch: 1,
});

function event(origin: string): WireEvent {
  const sender = parseFqid(`@someone:${origin}`);
  const seen = { seq: 0, hash: hashText(genesis()) };
  return { id: parseWireEventId(randomUUID()), room, origin: serverOf(sender), sender, type: 'org.example.note', content: {}, origin_ts: 1, seen };
}

/** A home's word as heard by a server that believes these keys. */
function wordUnder(homeKey: SigningKey, guestKey: SigningKey): HomeWord {
  const keyFor = async () => admitPublicKey(homeKey.publicKey);
  const placed = () => async () => admitPublicKey(guestKey.publicKey);
  return new HomeWord({ keyFor }, { placed }, { nowMs: () => NOW_MS });
}

function runOf(headKey: SigningKey, iat = NOW_MS) {
  const texts = [ownEvent(home, event('a.example')), ownEvent(guest, event('b.example'))].map(({ jws }) => jws);
  const hash = texts.reduce((previous, text, index) => chainNext(room, index + 1, NOW_MS, previous, eventHash(text)), genesis());
  const head = signHead(headKey, { room, seq: texts.length, hash: hashText(hash), iat });
  return readRun(contract, writeRun({ room, firstSeq: 1, prevHash: genesis(), entries: texts.map((text, index) => ({ seq: index + 1, at: NOW_MS, event: text })), head }));
}

const server = parseServerName('a.example');

describe('a proven run', () => {
  it('takes the head for what its home wrote, and the author\'s own signature for all else', async () => {
    const { entries } = await wordUnder(home, guest).verifyRun(ctx, runOf(home), server, new Map());
    expect(entries.map(({ refusal }) => refusal)).to.deep.equal([undefined, undefined]);
  });

  it('names the words that are not their author\'s, and keeps their places', async () => {
    const { entries } = await wordUnder(home, key('b.example')).verifyRun(ctx, runOf(home), server, new Map());
    expect(entries.map(({ refusal }) => refusal?.code)).to.deep.equal([undefined, 'SW_FED_EVENT_SIGNATURE']);
    expect(entries[1]?.refusal).to.be.instanceOf(GatewayError);
  });

  it('is not taken at all while an author\'s keys cannot be looked at', async () => {
    const placed = () => async () => {
      throw new GatewayError('SW_RATE_LIMIT_EXCEEDED', 'later');
    };
    const word = new HomeWord({ keyFor: async () => admitPublicKey(home.publicKey) }, { placed }, { nowMs: () => NOW_MS });
    expect(await outcome(() => word.verifyRun(ctx, runOf(home), server, new Map()))).to.equal('SW_RATE_LIMIT_EXCEEDED');
  });

  it('is refused when its head is signed by another key', async () => {
    expect(await outcome(() => wordUnder(key('a.example'), guest).verifyRun(ctx, runOf(home), server, new Map()))).to.equal('SW_FED_HEAD_INVALID');
  });

  it('is refused when its head is dated in the future', async () => {
    const late = runOf(home, NOW_MS + LIMITS.clockSkewMs + 1);
    expect(await outcome(() => wordUnder(home, guest).verifyRun(ctx, late, server, new Map()))).to.equal('SW_FED_HEAD_INVALID');
  });

  it('of one place costs nothing of what came along while its head does not hold', async () => {
    let looked = 0;
    const carried = async () => {
      looked += 1;
      return new Map();
    };
    const member = { ...event('a.example'), type: EVENT_TYPES.member, content: { target: '@carol:c.example', membership: 'invite' } };
    const { jws } = ownEvent(home, member);
    const hash = chainNext(room, 1, NOW_MS, genesis(), eventHash(jws));
    const about = { name: null, topic: null, type: 'group' as const, inviter: parseFqid('@someone:a.example'), member_count: 1 };
    const head = signHead(home, { room, seq: 1, hash: hashText(hash), iat: NOW_MS });
    const invitation = readInvitation(contract, { room, prev_hash: hashText(genesis()), entry: { seq: 1, at: NOW_MS, event: jws }, head, about });
    expect(await outcome(() => wordUnder(key('a.example'), guest).verifyInvitation(ctx, invitation, server, carried))).to.equal('SW_FED_HEAD_INVALID');
    expect(looked).to.equal(0);
    expect(await outcome(() => wordUnder(home, guest).verifyInvitation(ctx, invitation, server, carried))).to.equal('ok');
    expect(looked).to.equal(1);
  });

  it('is taken from the home of its room only', async () => {
    expect(await outcome(() => wordUnder(home, guest).verifyRun(ctx, runOf(home), parseServerName('b.example'), new Map()))).to.equal('SW_FED_NOT_HOME');
  });
});
