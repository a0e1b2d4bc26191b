import type { RawReply, SignedRequest } from '../kernel/ports.js';
import type { Answer, Call } from './call.js';
import { GatewayError } from '../kernel/errors.js';
import { answerOf } from './exchange.js';
import type { ThrownLog } from './log-thrown.js';
import { problemAnswer } from './problem.js';
import { rateHeaders } from './rate-headers.js';
import { decodedSegments } from './read.js';
import type { Gate, Route } from './route.js';

export interface InProcessParts {
  readonly routes: readonly Route[];
  readonly gate: Gate;
  readonly log: ThrownLog;
  readonly newRequestId: () => string;
}

/**
 * Answers a signed request between two tenants of this node: the same bytes through the same routes and the same
 * checks as over a socket. Only calls of servers are taken.
 */
export async function answerInProcess(parts: InProcessParts, request: SignedRequest): Promise<RawReply> {
  const requestId = parts.newRequestId();
  let rate: Readonly<Record<string, string>> = {};
  const answer = await found(parts, request, requestId, (standing) => {
    rate = rateHeaders(standing);
  });
  return { status: answer.status, headers: { ...rate, ...answer.headers }, body: Buffer.from(answer.body) };
}

async function found(parts: InProcessParts, request: SignedRequest, requestId: string, counted: Call['counted']): Promise<Answer> {
  for (const route of parts.routes) {
    if (route.who !== 'peer' || route.method !== request.method) continue;
    const params = matched(route.path, request.target);
    if (params !== undefined) return answerOf(route, callOf(request, params, requestId, counted), parts.gate, parts.log);
  }
  return problemAnswer(new GatewayError('SW_NOT_FOUND', 'no such path in process'), requestId, parts.log);
}

function matched(path: string, target: string): Record<string, string> | undefined {
  const wanted = path.split('/');
  const given = decodedSegments(target);
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, segment] of wanted.entries()) {
    const value = given[at] ?? '';
    if (segment.startsWith('{')) params[segment.slice(1, -1)] = value;
    else if (segment !== value) return undefined;
  }
  return params;
}

function callOf(request: SignedRequest, params: Record<string, string>, requestId: string, counted: Call['counted']): Call {
  return {
    requestId,
    params,
    counted,
    method: request.method,
    target: request.target,
    headers: request.headers,
    remoteAddress: 'in-process',
    signal: () => new AbortController().signal,
    readBody: async (bytesMax) => {
      if (request.body !== undefined && request.body.length > bytesMax) {
        throw new GatewayError('SW_BODY_TOO_LARGE', `more than ${bytesMax} bytes`);
      }
      return request.body;
    },
    openBody: () => {
      throw new Error('servers send no files');
    },
  };
}
