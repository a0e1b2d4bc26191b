import { expect } from 'chai';
import { neutralHash } from '../../../src/protocol/transports/neutral-hash.js';
import type { BridgeEndpoint, BridgeMessage } from '../../../src/protocol/transports/transport.js';
import { Transports } from '../../../src/protocol/transports/transports.js';
import { hopOf, passedThrough } from '../../../src/protocol/transports/via.js';
import { contract, outcome } from '../../support/fixtures.js';

const transports = new Transports(contract);
const custom = transports.named('custom');

describe('The custom transport', () => {
  const endpoint: BridgeEndpoint = { bridgeId: 'brg-1', direction: 'both', outboundWebhook: 'https://a.example/hook?x=1', settings: {} };

  it('is one of a table that knows no others', async () => {
    expect(await outcome(() => transports.named('pigeon'))).to.equal('SW_BRIDGE_TRANSPORT');
  });

  it('takes one address for one channel however it is written, and a bridge that only listens for its own', () => {
    const channel = custom.channelOf(endpoint);
    expect(channel).to.match(/^[0-9a-f]{64}$/);
    expect(custom.channelOf({ ...endpoint, bridgeId: 'brg-2', direction: 'out', outboundWebhook: 'HTTPS://A.example:443/./hook?x=1' })).to.equal(channel);
    expect(custom.channelOf({ ...endpoint, outboundWebhook: 'https://a.example/hook?x=2' })).not.to.equal(channel);
    expect(custom.channelOf({ ...endpoint, direction: 'in' })).not.to.equal(custom.channelOf({ ...endpoint, direction: 'in', bridgeId: 'brg-2' }));
  });

  it('says what is wrong with its settings', () => {
    expect(custom.settingsFault(endpoint)).to.equal(undefined);
    expect(custom.settingsFault({ ...endpoint, direction: 'in', outboundWebhook: null })).to.equal(undefined);
    for (const wrong of [{ outboundWebhook: null }, { outboundWebhook: 'x' }, { settings: { other: 1 } }, { settings: { allow_mass_mentions: 1 } }]) {
      expect(custom.settingsFault({ ...endpoint, ...wrong })).to.be.a('string');
    }
  });

  it('gives up on a message only when another gateway says so of the message', () => {
    const says = (code: string): boolean => custom.refusesForGood(Buffer.from(JSON.stringify({ error: { code, message: 'x' } })));
    for (const code of ['SW_EVENT_CONFLICT', 'SW_EVENT_NOT_FOUND', 'SW_BRIDGE_FOREIGN_AUTHOR', 'SW_BAD_SCHEMA']) expect(says(code), code).to.equal(true);
    for (const code of ['SW_BRIDGE_PAUSED', 'SW_BRIDGE_SIGNATURE', 'SW_UNAVAILABLE', 'SW_MADE_UP', 'toString']) expect(says(code), code).to.equal(false);
    for (const text of ['', 'no', '[]', 'null', '{"error":null}', '{"error":"SW_EVENT_CONFLICT"}', '{"error":{"code":1}}']) expect(custom.refusesForGood(Buffer.from(text)), text).to.equal(false);
  });
});

describe('The hash of a bridged message', () => {
  const message: BridgeMessage = {
    eventId: 'm-1', type: 'message.created', occurredAtMs: 1, sender: { externalId: 'U1', displayName: 'Ada', avatarUrl: null },
    content: { msgtype: 'swp.text', body: 'hello', more: { a: [1, { y: 1, x: 2 }], b: null } }, threadId: null, replyTo: { speakerId: 'm-0', listenerId: null }, target: null, via: [],
  };
  const hashOf = (change: Partial<BridgeMessage>): string => neutralHash({ ...message, ...change }).toString('hex');

  it('is the same for every telling of it', () => {
    const same: readonly Partial<BridgeMessage>[] = [
      { content: { more: { b: null, a: [1, { x: 2, y: 1 }] }, body: 'hello', msgtype: 'swp.text' } },
      { occurredAtMs: 2 }, { via: ['x'] }, { sender: { externalId: 'U1', displayName: 'Ada L.', avatarUrl: 'https://a.example/' } },
      { replyTo: { speakerId: 'm-0', listenerId: 'evt-learnt-later' } },
    ];
    for (const change of same) expect(hashOf(change), JSON.stringify(change)).to.equal(hashOf({}));
  });

  it('is another when something else is said, by another or about another', () => {
    const other: readonly Partial<BridgeMessage>[] = [
      { content: { ...message.content, body: 'hello ' } }, { content: { ...message.content, more: { a: [{ y: 1, x: 2 }, 1], b: null } } }, { content: null },
      { type: 'message.edited' }, { sender: { ...message.sender, externalId: 'U2' } }, { threadId: 't' }, { replyTo: null }, { target: { speakerId: 'm-9', listenerId: null } },
    ];
    for (const change of other) expect(hashOf(change), JSON.stringify(change)).not.to.equal(hashOf({}));
  });
});

describe('The way of a message', () => {
  it('knows a bridge by its id, whole', () => {
    expect(passedThrough([hopOf('brg-1', 'a.example')], 'brg-1')).to.equal(true);
    expect(passedThrough(['brg-1'], 'brg-1')).to.equal(true);
    expect(passedThrough(['brg-11:a.example', 'x:brg-1'], 'brg-1')).to.equal(false);
  });
});
