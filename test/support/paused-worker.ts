import { eventually } from './gateway.js';
import { processPair, type GatewayProcess } from './gateway-process.js';
import { OwnPostgres } from './own-postgres.js';
import { pause, Siege } from './siege.js';

/** The lane to the peer, and who holds it. */
export interface HeldLane {
  readonly token: number;
  readonly cursor: number;
  readonly leased: boolean;
}

const LANE = `
  select c.token::float8 as token, l.cursor::float8 as cursor, c.leased
  from consumers c join lanes l using (tenant_id, consumer_id) where c.consumer_id = 'peer:b.example'`;

/** A node that answers without working, a worker of it that can be made to stand still, and another to take its place. */
export class PausedWorker {
  private relief: GatewayProcess | undefined;

  private constructor(
    private readonly postgres: OwnPostgres,
    readonly siege: Siege,
    private readonly worker: GatewayProcess,
  ) {}

  static async begin(): Promise<PausedWorker> {
    const postgres = await OwnPostgres.begin();
    const pair = await processPair(() => postgres.storage(), { SCAIWAVE_ROLES: 'api' });
    const worker = await pair[0].another({ SCAIWAVE_ROLES: 'worker' });
    return new PausedWorker(postgres, await Siege.on(pair, undefined), worker);
  }

  async lane(): Promise<HeldLane> {
    const [row] = await this.siege.a.rows<HeldLane & Record<string, unknown>>(LANE);
    if (row === undefined) throw new Error('no lane');
    return row;
  }

  /** It is stopped in the middle of a call to a peer that does not answer yet. */
  async stopInACall(): Promise<HeldLane> {
    this.siege.b.signal('SIGSTOP');
    await this.siege.say(20, 4);
    await eventually(async () => (await this.lane()).leased);
    await pause(200);
    this.worker.signal('SIGSTOP');
    const held = await this.lane();
    this.siege.b.signal('SIGCONT');
    return held;
  }

  /** As if the time of the lease were over. */
  async endLease(): Promise<void> {
    await this.siege.a.rows("update consumers set due_at = now() where consumer_id = 'peer:b.example' and leased");
  }

  async relieve(): Promise<void> {
    this.relief = await this.siege.a.another({ SCAIWAVE_ROLES: 'worker' });
  }

  /** The lane, when it is another's and has moved. */
  taken(held: HeldLane, withinMs: number): Promise<HeldLane> {
    return eventually(async () => {
      const now = await this.lane();
      return now.token > held.token && now.cursor > held.cursor ? now : undefined;
    }, withinMs);
  }

  /** It goes on; the lane as it is seen in the two seconds that follow. */
  async resume(): Promise<readonly HeldLane[]> {
    this.worker.signal('SIGCONT');
    const seen: HeldLane[] = [];
    for (let look = 0; look < 20; look += 1) {
      await pause(100);
      seen.push(await this.lane());
    }
    return seen;
  }

  async end(): Promise<void> {
    this.siege.b.signal('SIGCONT');
    await this.worker.end();
    await this.relief?.end();
    await this.siege.lift();
    await this.postgres.end();
  }
}

/** What fell from one look to the next. */
export function wentBack(seen: readonly HeldLane[]): readonly string[] {
  return (['token', 'cursor'] as const).filter((part) => seen.some((lane, at) => lane[part] < (seen[at - 1]?.[part] ?? 0)));
}
