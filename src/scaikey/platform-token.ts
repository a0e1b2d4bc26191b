import { LIMITS } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports.js';
import { isObject, unexpected, type CallScaikey } from './scaikey-http.js';

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

interface Held {
  readonly token: string;
  readonly untilMs: number;
}

const TOKEN_TARGET = '/api/v1/platform/oauth/token';

/** The node's own token at ScaiKey, asked for again a little before it ends, and by one call at a time. */
export class PlatformToken {
  #held: Held | undefined;
  #asking: Promise<Held> | undefined;

  constructor(
    private readonly call: CallScaikey,
    private readonly credentials: ClientCredentials,
    private readonly scope: 'admin:read' | 'admin:read admin:write',
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  async get(): Promise<string> {
    if (this.#held !== undefined && this.#held.untilMs > this.clock.monotonicMs()) return this.#held.token;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    this.#held = await this.#asking;
    return this.#held.token;
  }

  /** ScaiKey does not take it any more. */
  drop(): void {
    this.#held = undefined;
  }

  async #ask(): Promise<Held> {
    const askedMs = this.clock.monotonicMs();
    const { status, body } = await this.call({
      method: 'POST',
      target: TOKEN_TARGET,
      headers: { authorization: basic(this.credentials), 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: Buffer.from(new URLSearchParams({ grant_type: 'client_credentials', scope: this.scope }).toString()),
    });
    const token = isObject(body) ? body['access_token'] : undefined;
    const seconds = isObject(body) ? body['expires_in'] : undefined;
    if (status !== 200 || typeof token !== 'string') throw unexpected(TOKEN_TARGET, `answered ${status}`);
    const lifeMs = typeof seconds === 'number' ? seconds * 1_000 : 0;
    return { token, untilMs: askedMs + Math.max(lifeMs - LIMITS.scaikeyTokenMarginMs, 0) };
  }
}

/** RFC 6749 2.3.1: both are form-encoded before they are joined. */
export function basic({ clientId, clientSecret }: ClientCredentials): string {
  const encoded = [clientId, clientSecret].map((part) => new URLSearchParams({ '': part }).toString().slice(1)).join(':');
  return `Basic ${Buffer.from(encoded).toString('base64')}`;
}
