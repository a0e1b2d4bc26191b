import { Pool } from 'undici';

/** One request, ready to be sent. */
export interface Shot {
  readonly method: 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Milliseconds from sending to answer, of each shot. */
export interface Volley {
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
}

/** A client with a fixed number of connections. Whatever is not a 2xx is an error: a bench of refusals measures nothing. */
export class Gun {
  readonly #pool: Pool;

  constructor(readonly url: string, readonly inFlight: number) {
    this.#pool = new Pool(url, { connections: inFlight, pipelining: 1 });
  }

  /** Answers with the parsed body. */
  async fire({ method, path, headers, body }: Shot): Promise<unknown> {
    const reply = await this.#pool.request({ method, path, headers, body });
    const text = await reply.body.text();
    if (reply.statusCode >= 300) throw new Error(`${path} answered ${reply.statusCode} ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  /** Each lane's shots one after another, all lanes at once. */
  async volley(lanes: readonly (readonly Shot[])[], check: (answer: unknown) => void = () => undefined): Promise<Volley> {
    const latenciesMs: number[] = [];
    const began = performance.now();
    await Promise.all(
      lanes.map(async (shots) => {
        for (const shot of shots) {
          const sent = performance.now();
          check(await this.fire(shot));
          latenciesMs.push(performance.now() - sent);
        }
      }),
    );
    return { seconds: (performance.now() - began) / 1_000, latenciesMs };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** Deals shots out to as many lanes as may be in flight. */
export function dealt<T>(shots: readonly T[], lanes: number): readonly (readonly T[])[] {
  return Array.from({ length: lanes }, (_, lane) => shots.filter((_shot, index) => index % lanes === lane));
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}
