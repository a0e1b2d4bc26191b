/** What a node answered, or that it did not. */
export interface Answer {
  readonly status: number;
  readonly body: { readonly data?: unknown; readonly meta?: Record<string, unknown>; readonly error?: { readonly code: string; readonly message: string } };
}

/** No answer came: whether the request had an effect is unknown. */
export class NoAnswer extends Error {
  constructor(
    /** `ECONNREFUSED` was never accepted; anything else was cut. */
    readonly code: string,
    cause: unknown,
  ) {
    super(`no answer: ${code}`, { cause });
  }

  get neverAccepted(): boolean {
    return this.code === 'ECONNREFUSED';
  }
}

/** `admin`, `bob`, or a whole token. */
export function tokenOf(who: string): string {
  if (who.includes(':')) return who;
  return who === 'admin' ? 'mock:first:admin:tenant_admin' : `mock:first:${who}`;
}

/** One request with a made-up token. Throws {@link NoAnswer}; every status is an answer. */
export function callNode(url: string, who: string, method: string, path: string, body?: unknown, waitMs?: number): Promise<Answer> {
  const headers = { authorization: `Bearer ${tokenOf(who)}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  return exchange(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }, waitMs);
}

/** One request as it is. Throws {@link NoAnswer}; every status is an answer. */
export async function exchange(url: string, request: RequestInit, waitMs = 60_000): Promise<Answer> {
  try {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(waitMs) });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Answer['body']) };
  } catch (error) {
    throw new NoAnswer(codeOf(error), error);
  }
}

/** undici hides the system's word one level down. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.cause instanceof Error && 'code' in error.cause) return String(error.cause.code);
  return error.cause instanceof Error ? error.cause.message : error.name;
}
