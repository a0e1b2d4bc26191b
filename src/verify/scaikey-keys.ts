import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTVerifyGetKey } from 'jose';
import type { EgressFetch } from '../egress/egress-fetch.js';
import { LIMITS } from '../kernel/limits.js';
import type { Clock, Meter } from '../kernel/ports.js';

/** The key set could not be had; says nothing about the token. */
export class KeySetUnavailable extends Error {
  override readonly name = 'KeySetUnavailable';
}

export interface KeySetTimes {
  /** Within this time one fetch, and no other after one that failed, however many unknown keys are asked for. */
  readonly cooldownMs: number;
  /** Beside it, this many for keys that nobody has asked for in that time: one may have been published just now. */
  readonly earlyFetchesMax: number;
  /** A key set older than this is fetched again. */
  readonly cacheMs: number;
  /** While ScaiKey is away, the last key set holds for this long after it was fetched. */
  readonly staleMs: number;
}

const TIMES: KeySetTimes = { cooldownMs: LIMITS.jwksCooldownMs, earlyFetchesMax: LIMITS.jwksEarlyFetchesMax, cacheMs: LIMITS.jwksCacheMs, staleMs: LIMITS.jwksStaleMs };

const JWKS_PATH = '/api/v1/platform/.well-known/jwks.json';

/** The signing keys of ScaiKey, fetched when they are needed and never oftener than allowed. */
export class ScaikeyKeys {
  private readonly remote: ReturnType<typeof createRemoteJWKSet>;
  private fetchedAtMs = Number.NEGATIVE_INFINITY;
  private failedAtMs = Number.NEGATIVE_INFINITY;
  /** Key ids for which the set was fetched early, with that fetch; forgotten with the cooldown. */
  private readonly early = new Map<string, Promise<void>>();
  private earlySinceMs = Number.NEGATIVE_INFINITY;

  constructor(
    scaikeyUrl: string,
    private readonly fetch: EgressFetch,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly meter: Pick<Meter, 'count'>,
    private readonly times: KeySetTimes = TIMES,
  ) {
    this.remote = createRemoteJWKSet(new URL(scaikeyUrl.replace(/\/$/, '') + JWKS_PATH), {
      cooldownDuration: times.cooldownMs,
      cacheMaxAge: times.cacheMs,
      timeoutDuration: LIMITS.jwksTotalMs,
      [customFetch]: this.fetchOnce,
    });
  }

  readonly find: JWTVerifyGetKey = async (header, token) => {
    try {
      return await this.published(header, token);
    } catch (thrown) {
      if (!(thrown instanceof KeySetUnavailable) && !(thrown instanceof errors.JWKSInvalid)) throw thrown;
      const last = this.remote.jwks();
      const holds = this.clock.monotonicMs() - this.fetchedAtMs < this.times.staleMs;
      if (last === undefined || !holds) throw new KeySetUnavailable('there is no key set', { cause: thrown });
      return await createLocalJWKSet(last)(header, token);
    }
  };

  /** A key that is not in the set may have been published since it was fetched: the set is fetched early, once for each. */
  private readonly published: JWTVerifyGetKey = async (header, token) => {
    const askedMs = this.clock.monotonicMs();
    try {
      return await this.remote(header, token);
    } catch (thrown) {
      const early = thrown instanceof errors.JWKSNoMatchingKey && this.fetchedAtMs < askedMs ? this.fetchEarly(header.kid ?? '') : undefined;
      if (early === undefined) throw thrown;
      await early;
      return await this.remote(header, token);
    }
  };

  private fetchEarly(keyId: string): Promise<void> | undefined {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.earlySinceMs >= this.times.cooldownMs) {
      this.early.clear();
      this.earlySinceMs = nowMs;
    }
    if (!this.early.has(keyId) && this.early.size < this.times.earlyFetchesMax) this.early.set(keyId, this.remote.reload());
    return this.early.get(keyId);
  }

  private readonly fetchOnce: FetchImplementation = async (url, init) => {
    if (this.clock.monotonicMs() - this.failedAtMs < this.times.cooldownMs) throw new KeySetUnavailable('the last fetch failed just now');
    try {
      const response = await this.fetch(url, init);
      if (response.status !== 200) throw new KeySetUnavailable(`ScaiKey answered ${response.status}`);
      const keySet: unknown = await response.json();
      createLocalJWKSet(keySet as Parameters<typeof createLocalJWKSet>[0]);
      this.fetchedAtMs = this.clock.monotonicMs();
      this.meter.count('jwks_fetches_total', { outcome: 'fetched' });
      return Response.json(keySet);
    } catch (cause) {
      this.failedAtMs = this.clock.monotonicMs();
      this.meter.count('jwks_fetches_total', { outcome: 'failed' });
      throw new KeySetUnavailable('the key set was not fetched', { cause });
    }
  };
}
