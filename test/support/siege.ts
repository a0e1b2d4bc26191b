import { embeddedStorage, ownServices, serviceStorage, type OwnServices } from './node-storage.js';
import { eventually, sharedRoom } from './gateway.js';
import { processPair, type GatewayProcess } from './gateway-process.js';
import { Relayer, Wanderer, Writer, type Acknowledged, type Trouble } from './load.js';
import type { MadeBridge } from './bridged-call.js';
import { raiseRates } from './raised-rates.js';
import { counterFaults, faultsOf, isHealed, readLog } from './log-check.js';
import { areLent, BESIDE, isRealStack } from './services.js';

const HEAL_MS = 90_000;
const FAULTS_SHOWN = 20;
/** What a client must be ready for: the node is away, or says that it cannot now. */
const EXPECTED_TROUBLE = /^(never accepted|cut: |503 SW_(UNAVAILABLE|OVERLOADED))/;

/**
 * Two node processes, one room of `a.example` with people of both and a bridge, and people who never stop talking. Whatever is done
 * to the nodes meanwhile, `check` tells afterwards whether every promise was kept.
 */
export class Siege {
  readonly acknowledged: Acknowledged[] = [];
  readonly messages = new Set<string>();
  readonly troubles: Trouble[] = [];
  /** Marks of what was tried once and answered 503 `SW_UNAVAILABLE`. */
  readonly refused: string[] = [];
  #crowds = 0;

  private constructor(
    readonly a: GatewayProcess,
    readonly b: GatewayProcess,
    readonly room: { readonly home: string; readonly away: string },
    private readonly bridge: MadeBridge,
    readonly services: OwnServices | undefined,
  ) {}

  /** On the stack of this run. */
  static async lay(): Promise<Siege> {
    if (!isRealStack()) return Siege.on(await processPair(embeddedStorage), undefined);
    return areLent(BESIDE) ? Siege.on(await processPair(() => serviceStorage()), undefined) : Siege.onServices();
  }

  static async onServices(): Promise<Siege> {
    const services = await ownServices();
    return Siege.on(await processPair(() => serviceStorage(services)), services);
  }

  static async on([a, b]: readonly [GatewayProcess, GatewayProcess], services: OwnServices | undefined): Promise<Siege> {
    await a.ask('carol', 'GET', '/v1/me');
    // These people never stop talking; what is tried is not how many calls they may make.
    for (const node of [a, b]) await raiseRates((sql) => node.rows(sql));
    const room = await sharedRoom(a, b);
    const bridge = await a.ask<MadeBridge>('admin', 'POST', '/v1/admin/bridges', { transport: 'custom', direction: 'in', room_id: room.home, name: 'Other side' });
    return new Siege(a, b, room, bridge, services);
  }

  /** People begin to talk on both sides, another system to relay, and somebody to come and go. */
  begin(): Crowd {
    this.#crowds += 1;
    // A new crowd numbers its words anew, so it speaks under marks of its own.
    const crowd = String(this.#crowds);
    const writers = [
      new Writer({ who: 'admin', crowd, room: this.room.home }, this.a),
      new Writer({ who: 'bob', crowd, room: this.room.away }, this.b),
      new Writer({ who: 'bob', crowd: `${crowd}b`, room: this.room.away }, this.b),
    ];
    const wanderer = new Wanderer({ fqid: '@carol:a.example', host: 'admin', crowd, room: this.room.home }, this.a);
    const relayer = new Relayer(crowd, this.bridge);
    const everybody = [...writers, relayer, wanderer];
    const talks = everybody.map((one) => one.run());
    return {
      writers,
      end: async () => {
        for (const one of everybody) one.stop();
        await Promise.all(talks);
        this.acknowledged.push(...wanderer.acknowledged);
        this.refused.push(...marksRefused(wanderer.troubles));
        this.#record([...writers, relayer]);
      },
    };
  }

  /** So many messages at the home, from as many mouths at once as there are. */
  async say(count: number, mouths: number): Promise<void> {
    this.#crowds += 1;
    const writers = Array.from({ length: mouths }, (_, mouth) => new Writer({ who: 'admin', crowd: `${this.#crowds}m${mouth}`, room: this.room.home }, this.a));
    await Promise.all(writers.map((writer) => writer.say(count / mouths)));
    this.#record(writers);
  }

  /** Waits until both logs are one; what they then lack or have too much, in sentences. */
  async check(): Promise<readonly string[]> {
    const logs = async () => [await readLog(this.a, this.room.home), await readLog(this.b, this.room.away)] as const;
    const healed = await eventually(async () => {
      const [home, mirror] = await logs();
      return isHealed(home, mirror) && ([home, mirror] as const);
    }, HEAL_MS).catch(() => logs());
    const unexpected = new Set(this.troubles.map(({ what }) => what).filter((what) => !EXPECTED_TROUBLE.test(what)));
    const faults = [
      ...faultsOf(healed[0], healed[1], this.acknowledged, this.messages),
      ...(await counterFaults(this.a)),
      ...(await counterFaults(this.b)),
      ...[...unexpected].map((what) => `somebody was answered ${what}`),
    ];
    return faults.slice(0, FAULTS_SHOWN);
  }

  /** What was answered 503 and happened all the same; nothing, where the database was there all the time. */
  async happenedThough503(): Promise<readonly string[]> {
    const logs = [await readLog(this.a, this.room.home), await readLog(this.b, this.room.away)];
    const there = new Set(logs.flatMap(({ rows }) => rows.map(({ mark }) => mark)));
    return this.refused.filter((mark) => there.has(mark));
  }

  #record(writers: readonly (Writer | Relayer)[]): void {
    for (const writer of writers) {
      this.acknowledged.push(...writer.acknowledged);
      this.troubles.push(...writer.troubles);
      this.refused.push(...marksRefused(writer.troubles));
      for (const mark of writer.messages) this.messages.add(mark);
    }
  }

  async lift(): Promise<void> {
    await Promise.all([this.a.end(), this.b.end()]);
    await this.services?.remove();
  }
}

function marksRefused(troubles: readonly Trouble[]): readonly string[] {
  return troubles.flatMap(({ what, mark }) => (what === '503 SW_UNAVAILABLE' && mark !== undefined ? [mark] : []));
}

export interface Crowd {
  readonly writers: readonly Writer[];
  /** Everybody finishes the sentence. */
  end(): Promise<void>;
}

/** How often a suite kills: few times in an ordinary run, many in one of its own. */
export function killsWanted(): number {
  return Number(process.env['SCAIWAVE_TEST_KILLS'] ?? '3');
}

/** How often each service is lost under the nodes: once in an ordinary run. */
export function lossesWanted(): number {
  return Number(process.env['SCAIWAVE_TEST_LOSSES'] ?? '1');
}

/** A whole number of milliseconds from `least` to `most`. */
export function between(least: number, most: number): number {
  return Math.floor(least + Math.random() * (most - least));
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
