import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { WireEvent } from '../../../src/kernel/events.js';
import { parseFqid, parseLogName, parseServerName, parseTenantId, parseWireEventId, serverOf } from '../../../src/kernel/ids.js';
import { tenantContext } from '../../../src/kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS } from '../../../src/kernel/tenant-limits.js';
import { genesis, hashText } from '../../../src/protocol/chain.js';
import { readEvent } from '../../../src/protocol/event.js';
import { admitPublicKey, generateSigningKey, type SigningKey } from '../../../src/protocol/keys.js';
import { ownEvent, verifyEvent, type EventKey } from '../../../src/verify/proven-event.js';
import { contract, outcome } from '../../support/fixtures.js';

const key = (server: string) => generateSigningKey(parseServerName(server), randomBytes(32));
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

const keyIs = (signing: SigningKey): EventKey => async () => admitPublicKey(signing.publicKey);

function event(origin: string, content: WireEvent['content'] = { body: 'hello' }): WireEvent {
  const sender = parseFqid(`@someone:${origin}`);
  const seen = { seq: 0, hash: hashText(genesis()) };
  return { id: parseWireEventId(randomUUID()), room, origin: serverOf(sender), sender, type: 'org.example.note', content, origin_ts: 1, seen };
}

describe('a proven event', () => {
  it('is one that its own server signed', async () => {
    const { jws } = ownEvent(guest, event('b.example'));
    const proven = await verifyEvent(ctx, readEvent(contract, jws), keyIs(guest));
    expect(proven).to.include({ jws, provenBy: 'signature' });
  });

  it('is not one whose signature is of another key', async () => {
    const { jws } = ownEvent(guest, event('b.example'));
    const other = key('b.example');
    expect(await outcome(() => verifyEvent(ctx, readEvent(contract, jws), keyIs(other)))).to.equal('SW_FED_EVENT_SIGNATURE');
  });

  it('of our own is never written for another server', () => {
    expect(() => ownEvent(home, event('b.example'))).to.throw('another server');
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(ownEvent(home, event('a.example')))).to.equal(true);
  });
});
