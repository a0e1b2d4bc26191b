import { expect } from 'chai';
import { verifyBridgeSignature, BRIDGE_SIGNATURE_HEADER, bridgeSecretOf } from '../../../src/protocol/bridge-signature.js';
import { verifyStandardWebhook } from '../../../src/protocol/standard-webhooks.js';
import { customTransport } from '../../../src/protocol/transports/custom.js';
import type { BridgeMessage, Delivery } from '../../../src/protocol/transports/transport.js';
import { contract } from '../../support/fixtures.js';

const secret = bridgeSecretOf(Buffer.alloc(32, 7));
const NOW_MS = 1_800_000_000_500;

const delivery: Delivery = {
  bridgeId: 'brg-5c1ffee0-0000-4000-8000-0000000000aa',
  roomId: 'room-5c1ffee0-0000-4000-8000-0000000000bb',
  deliveryId: 'dlv-5c1ffee0-0000-4000-8000-0000000000cc',
  attempt: 2,
  nowMs: NOW_MS,
  secrets: [secret],
};

const message: BridgeMessage = {
  eventId: 'evt-5c1ffee0-0000-4000-8000-000000000001',
  type: 'message.edited',
  occurredAtMs: NOW_MS,
  sender: { externalId: '@ada:a.example', displayName: 'Ada', avatarUrl: null },
  content: { msgtype: 'swp.text', body: 'zwölf 🚂' },
  threadId: null,
  replyTo: { speakerId: 'evt-1', listenerId: null },
  target: { speakerId: 'evt-0', listenerId: 'm-0' },
  via: [`${delivery.bridgeId}:a.example`],
};

describe('the custom transport', () => {
  it('reads what it writes, so two gateways need no translator', () => {
    const { body } = customTransport.writeOutbound(message, delivery);
    expect(customTransport.readInbound(contract, body)).to.deep.equal(message);
  });

  it('writes a deletion and a reaction that it reads again', () => {
    const deletion: BridgeMessage = { ...message, type: 'message.deleted', content: null, replyTo: null };
    const reaction: BridgeMessage = { ...message, type: 'reaction.added', content: { emoji: '👍' }, replyTo: null };
    for (const given of [deletion, reaction]) {
      expect(customTransport.readInbound(contract, customTransport.writeOutbound(given, delivery).body)).to.deep.equal(given);
    }
  });

  it('signs the body in both schemes under one secret', () => {
    const { headers, body } = customTransport.writeOutbound(message, delivery);
    const native = { headerValues: [headers[BRIDGE_SIGNATURE_HEADER] ?? ''], body };
    expect(verifyBridgeSignature(native, [{ secret, expiresAtMs: undefined }], NOW_MS)).to.equal(0);
    const standard = {
      'webhook-id': headers['webhook-id'] ?? '',
      'webhook-timestamp': headers['webhook-timestamp'] ?? '',
      'webhook-signature': headers['webhook-signature'] ?? '',
    };
    expect(verifyStandardWebhook([secret], { headers: standard, body }, NOW_MS)).to.equal(0);
  });

  it('keeps the message id over retries and gives each attempt a delivery id', () => {
    const first = customTransport.writeOutbound(message, { ...delivery, attempt: 1, deliveryId: 'dlv-1' });
    const second = customTransport.writeOutbound(message, { ...delivery, attempt: 2, deliveryId: 'dlv-2' });
    expect(first.headers['webhook-id']).to.equal(second.headers['webhook-id']);
    expect(first.headers['x-scaiwave-delivery-id']).not.to.equal(second.headers['x-scaiwave-delivery-id']);
    expect(first.body.equals(second.body)).to.equal(true);
  });

  it('never writes a secret into headers or body', () => {
    const { headers, body } = customTransport.writeOutbound(message, delivery);
    expect(JSON.stringify(headers) + body.toString()).not.to.include(secret.slice(6, 20));
  });

  for (const [why, answer, id] of [
    ['an id', '{"external_id":"m-9"}', 'm-9'],
    ['an id in an envelope', '{"data":{"external_id":"m-9"},"meta":{}}', 'm-9'],
    ['nothing', '', null],
    ['other JSON', '{"ok":true}', null],
    ['an id that is no text', '{"external_id":9}', null],
    ['a page', '<html>ok</html>', null],
  ] as const) {
    it(`takes ${id ?? 'no id'} out of an answer with ${why}`, () => {
      expect(customTransport.readAnswer(contract, Buffer.from(answer))).to.equal(id);
    });
  }
});
