import { GatewayError } from '../kernel/errors.js';
import type { ServerName } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import type { PeerExchange, RawReply } from '../kernel/ports.js';
import { EgressFailure, type EgressFailureKind } from '../egress/egress-failure.js';
import type { Egress, EgressRequest } from '../egress/egress.js';
import { DESCRIPTOR_PATH } from '../protocol/descriptor.js';
import type { PeerUrls } from './peer-urls.js';

/** Failures by which the other side answered, but not as agreed. */
const BAD_ANSWERS: ReadonlySet<EgressFailureKind> = new Set(['redirect', 'encoding', 'too-large']);

/** Brings the document of the well-known path, unread; over HTTP, or by hand from a tenant of this node. */
export type DescriptorSource = (server: ServerName) => Promise<Buffer>;

export function httpExchange(egress: Pick<Egress, 'request'>, urls: Pick<PeerUrls, 'originOf'>): PeerExchange {
  return async ({ destination, method, target, headers, body }) => {
    const url = urls.originOf(destination) + target;
    // What is sent must be what was signed, to the letter.
    const { pathname, search } = new URL(url);
    if (pathname + search !== target) throw new Error('a request target is not in its one spelling');
    const limits = { totalMs: LIMITS.peerTotalMs, answerBytesMax: LIMITS.peerAnswerBytesMax };
    return reached(egress, { method, url, headers, body, limits });
  };
}

/** The destination is named in a header too: behind a configured address the host may be another. */
export function httpDescriptorSource(egress: Pick<Egress, 'request'>, urls: Pick<PeerUrls, 'originOf'>): DescriptorSource {
  return async (server) => {
    const limits = { totalMs: LIMITS.descriptorTotalMs, answerBytesMax: LIMITS.descriptorBytesMax };
    const url = urls.originOf(server) + DESCRIPTOR_PATH;
    const reply = await reached(egress, { method: 'GET', url, headers: { 'x-scaiwave-destination': server }, limits });
    if (reply.status !== 200) throw new GatewayError('SW_FED_DESCRIPTOR_INVALID', `${server} answers ${reply.status}`);
    return reply.body;
  };
}

async function reached(egress: Pick<Egress, 'request'>, request: EgressRequest): Promise<RawReply> {
  try {
    return await egress.request(request);
  } catch (error) {
    if (!(error instanceof EgressFailure)) throw error;
    const code = BAD_ANSWERS.has(error.kind) ? 'SW_FED_ANSWER_INVALID' : 'SW_FED_PEER_UNREACHABLE';
    throw new GatewayError(code, error.message, { cause: error });
  }
}
