import { ownWireEventId } from '../../kernel/derived-ids.js';
import { GatewayError, outcomeOf } from '../../kernel/errors.js';
import type { TaskId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Cache, Clock, Randomness } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { SidekickEnding, SidekickRow, SidekickUse } from '../../store/repositories/sidekicks.repository.js';
import type { Store } from '../../store/store.js';
import type { TenantDirectory } from '../../store/tenant-directory.js';
import type { ReportedView, SidekickReport, SidekickReportsApi } from '../api/sidekicks.js';
import type { AgentVoice } from './agent-voice.js';
import type { EndSidekick } from './end-sidekick.js';
import { UNHEARD } from './farewell.js';
import { nearlySpent, spentOf } from './sidekick-caps.js';
import { isSameHash, tenantOfToken, tokenHash } from './sidekick-token.js';

export interface ReportSidekickDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly tenants: Pick<TenantDirectory, 'byId'>;
  readonly cache: Pick<Cache, 'get' | 'takeToken'>;
  readonly endSidekick: Pick<EndSidekick, 'run'>;
  readonly agentVoice: Pick<AgentVoice, 'say'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
}

const REPORTS = { ratePerSecond: LIMITS.sidekickReportsPerSecond, burst: LIMITS.sidekickReportsBurst };

/** A worker's word on its task. The token says whose it is; every other token gets one answer, whatever is wrong with it. */
export class ReportSidekick implements SidekickReportsApi {
  constructor(private readonly deps: ReportSidekickDeps) {}

  async report(taskId: TaskId, token: string, report: SidekickReport): Promise<ReportedView> {
    const { ctx, row } = await this.#verify(taskId, token);
    if (ctx.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', ctx.slug);
    await this.#requireRate(ctx, taskId);
    const used = await this.#use(ctx, row, report);
    const after = report.status === 'running' ? await this.#goOn(ctx, used, report) : await this.#end(ctx, used, { ...report, status: report.status });
    return { task_id: after.task_id, status: after.status, warning: nearlySpent(ctx, after) ? 'tokens' : null };
  }

  /** What the cache remembers refuses a stranger quickly; what it does not say, and who is let in, the row decides. */
  async #verify(taskId: TaskId, token: string): Promise<{ readonly ctx: TenantContext; readonly row: SidekickRow }> {
    const tenantId = tenantOfToken(token);
    if (tenantId === undefined) throw refused('not a token');
    const served = await outcomeOf(this.deps.tenants.byId({ tenantId }));
    if (served instanceof GatewayError) throw served.code === 'SW_TENANT_NOT_FOUND' ? refused('no such tenant') : served;
    const { ctx } = served;
    const given = tokenHash(token);
    const remembered = await this.deps.cache.get(ctx, 'sidekick_token', taskId);
    if (remembered !== undefined && !isSameHash(Buffer.from(remembered, 'hex'), given)) throw refused('another token');
    const row = await this.deps.store.read(ctx, ({ sidekicks }) => sidekicks.find(ctx, taskId));
    if (row === undefined || row.token_hash === null || !isSameHash(row.token_hash, given)) throw refused('another token, or an ended task');
    return { ctx, row };
  }

  async #requireRate(ctx: TenantContext, taskId: TaskId): Promise<void> {
    const { allowed, retryAfterMs } = await this.deps.cache.takeToken(ctx, 'rate', `sidekick:${taskId}`, REPORTS);
    if (!allowed) throw new GatewayError('SW_RATE_LIMIT_EXCEEDED', taskId, { retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) });
  }

  async #use(ctx: TenantContext, row: SidekickRow, use: SidekickUse): Promise<SidekickRow> {
    if (use.steps === null && use.tokens === null) return row;
    const used = await this.deps.store.transact(ctx, ({ sidekicks }) => sidekicks.use(ctx, row.task_id, use));
    if (used === undefined) throw refused('it ended meanwhile');
    return used;
  }

  /** A task that has used up what it may ends with what there is, and gives its slot back as at every end. */
  async #goOn(ctx: TenantContext, row: SidekickRow, report: SidekickReport): Promise<SidekickRow> {
    const spent = spentOf(ctx, row);
    if (spent === undefined) return this.#progress(ctx, row, report);
    await this.#end(ctx, row, { status: 'done', result: report.progress ?? row.progress, error: spent });
    throw new GatewayError('SW_SIDEKICK_SPENT', spent);
  }

  async #progress(ctx: TenantContext, row: SidekickRow, { progress, eventUuid }: SidekickReport): Promise<SidekickRow> {
    const { store, agentVoice, clock, randomness } = this.deps;
    const running = await store.transact(ctx, ({ sidekicks }) => sidekicks.progress(ctx, row.task_id, progress, clock.nowMs()));
    if (running === undefined) throw refused('it ended meanwhile');
    if (progress === null) return running;
    const wireId = ownWireEventId(ctx.tenantId, row.sidekick_room_id, row.agent_id, eventUuid ?? randomness.uuid());
    const said = await outcomeOf(agentVoice.say(ctx, row, progress, wireId));
    // Whoever closed the room under it, or put it out, has ended the task by that; the next look says so.
    if (said instanceof GatewayError && !UNHEARD.has(said.code)) throw said;
    return running;
  }

  async #end(ctx: TenantContext, row: SidekickRow, { status, result, error }: SidekickEnding): Promise<SidekickRow> {
    const ended = await this.deps.endSidekick.run(ctx, row.task_id, { status, result, error });
    if (ended === undefined) throw refused('it ended meanwhile');
    return ended;
  }
}

function refused(note: string): GatewayError {
  return new GatewayError('SW_SIDEKICK_TOKEN', note);
}
