import type { Egress, EgressLimits, EgressRequest } from './egress.js';

/** The part of `fetch` that libraries with an exchangeable one use: a GET with headers and a signal. */
export type EgressFetch = (url: string, init: { readonly headers?: Headers; readonly signal?: AbortSignal | null }) => Promise<Response>;

/** A `fetch` for libraries that bring none of their own rules, such as jose: the same guard, the same limits. */
export function egressFetch(egress: Pick<Egress, 'request'>, limits: EgressLimits): EgressFetch {
  return async (url, { headers, signal }) => {
    const request: EgressRequest = { method: 'GET', url, headers: Object.fromEntries(headers ?? []), limits };
    const reply = await egress.request(signal ? { ...request, signal } : request);
    const body = reply.body.length === 0 ? null : Uint8Array.from(reply.body);
    return new Response(body, { status: reply.status, headers: reply.headers });
  };
}
