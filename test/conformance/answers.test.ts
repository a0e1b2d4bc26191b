import { expect } from 'chai';
import { Egress } from '../../src/egress/egress.js';
import { parseServerName, parseTenantId } from '../../src/kernel/ids.js';
import { systemRandomness, systemTimers } from '../../src/kernel/system-ports.js';
import { tenantContext } from '../../src/kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS } from '../../src/kernel/tenant-limits.js';
import { BridgePost, type PostOutcome } from '../../src/lanes/bridge-post.js';
import type { Parcel } from '../../src/lanes/build-batch.js';
import { ParcelSender, type SendFailure } from '../../src/lanes/send-parcels.js';
import { httpExchange } from '../../src/peering/http-exchange.js';
import { PeerClient } from '../../src/peering/signed-call.js';
import { Transports } from '../../src/protocol/transports/transports.js';
import { contract, fixture, testKey, type Vector } from '../support/fixtures.js';
import { silentMeter } from '../support/silent-ports.js';
import { TestClock } from '../support/test-clock.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

interface Answer extends Vector {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly body_bytes?: number;
  readonly wait_s?: number;
}

type PeerAnswer = Answer & { readonly expect: 'retryable' | 'final'; readonly code?: string };
type HookAnswer = Answer & { readonly expect: PostOutcome['kind']; readonly external_id?: string };

const clock = new TestClock(Date.now());
const receiver = new WebhookReceiver();
const egress = new Egress({ allow: ['127.0.0.1'] }, systemTimers, clock, silentMeter);

before(() => receiver.start());
after(async () => {
  await egress.close();
  await receiver.stop();
});

/** From now on the other side answers like this. */
function answering({ status, headers, body, body_bytes: bytes = 0 }: Answer): void {
  receiver.answer = () => ({ status, body: body ?? 'x'.repeat(bytes), ...(headers === undefined ? {} : { headers }) });
}

const secondsOf = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1_000);

describe('what a peer answers (fixtures/errors.json)', () => {
  const { answers } = fixture<{ answers: readonly PeerAnswer[] }>('errors');
  const ctx = tenantContext({
    tenantId: parseTenantId('00000000-0000-4000-8000-000000000001'), slug: 'a', name: 'A', scaikeyTenantId: 'a', partnerId: null, serverName: parseServerName('a.example'),
    status: 'active', limits: TENANT_LIMIT_DEFAULTS, features: {}, epoch: 1,
  });
  const exchange = httpExchange(egress, { originOf: () => new URL(receiver.url).origin });
  const client = new PeerClient({ keys: { current: async () => testKey('home') }, exchange, clock, randomness: systemRandomness });
  const sender = new ParcelSender({ client, contract, randomness: systemRandomness });
  const parcel: Parcel = { work: {} as Parcel['work'], items: [{ kind: 'event', event: 'x' }], rows: [] };
  const sending = { ctx, peer: parseServerName('b.example'), descriptors: new Map(), signal: new AbortController().signal };

  /** A refusal of what was sent comes back upon that, any other upon the peer. */
  const verdict = async (): Promise<Pick<SendFailure, 'code' | 'final'> & { readonly retryAfterMs?: number | undefined }> => {
    const { failure, answered } = await sender.send(sending, [parcel]);
    if (failure !== undefined) return failure;
    const result = answered[0]?.results[0];
    return result?.status === 'refused' ? { code: result.code, final: !result.retryable } : expect.fail('no refusal');
  };

  for (const vector of answers) {
    it(`${vector.expect}: ${vector.why}`, async () => {
      answering(vector);
      const { code, final, retryAfterMs } = await verdict();
      expect(final ? 'final' : 'retryable').to.equal(vector.expect);
      expect(secondsOf(retryAfterMs)).to.equal(vector.wait_s);
      if (vector.code !== undefined) expect(code).to.equal(vector.code);
    });
  }
});

describe('what a webhook answers (fixtures/bridge-answers.json)', () => {
  const { cases } = fixture<{ cases: readonly HookAnswer[] }>('bridge-answers');
  const post = new BridgePost(egress, clock, silentMeter);
  const transport = new Transports(contract).named('custom');

  for (const vector of cases) {
    it(`${vector.expect}: ${vector.why}`, async () => {
      answering(vector);
      const outcome = await post.send({ url: receiver.url, transport, signal: new AbortController().signal }, { headers: {}, body: Buffer.from('{}') });
      expect(outcome.kind).to.equal(vector.expect);
      expect(secondsOf(outcome.retryAfterMs)).to.equal(vector.wait_s);
      expect(outcome.externalId).to.equal(vector.external_id ?? null);
    });
  }
});
