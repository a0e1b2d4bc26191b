import type { Contract } from '../../contract/contract.js';
import { GatewayError } from '../../kernel/errors.js';
import { serverOf, type LogName, type ServerName } from '../../kernel/ids.js';
import type { Clock, Wake } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { admitEntry, type AdmittedEntry } from '../../admit/admit-entry.js';
import type { RoomSnapshots } from '../../admit/room-snapshots.js';
import type { CarriedDescriptors, CarriedKeys } from '../../peering/carried-keys.js';
import type { OwnKeys } from '../../peering/own-keys.js';
import { hashText } from '../../protocol/chain.js';
import { signReceipt } from '../../protocol/receipt.js';
import type { UnverifiedRun } from '../../protocol/run.js';
import type { ItemResult, WithheldPlace } from '../../protocol/send-answer.js';
import { toRunItem } from '../../rehome/to-run-item.js';
import type { RoomRow, RoomSnapshot } from '../../store/repositories/rooms.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { ProvenRequest } from '../../verify/peer-request.js';
import type { HomeWord, ProvenRun } from '../../verify/proven-run.js';
import { currentTenant } from '../current-tenant.js';
import { isTalk, type AppendTalk } from './append-talk.js';
import type { ApplyRun } from './apply-run.js';
import { checkErasures } from './check-erasures.js';
import type { FreezeMirror } from './freeze-mirror.js';
import { withOwnWords } from './own-words.js';
import { Fork, storedRun, type StoredRun } from './stored-run.js';
import { withholdRepeats } from './withhold-repeats.js';

export interface TakeRunDeps {
  readonly contract: Contract;
  readonly store: Pick<Store, 'transact'>;
  readonly homeWord: Pick<HomeWord, 'verifyRun'>;
  readonly carriedKeys: Pick<CarriedKeys, 'read' | 'isNews' | 'pin'>;
  readonly ownKeys: Pick<OwnKeys, 'current'>;
  readonly appendTalk: Pick<AppendTalk, 'run'>;
  readonly applyRun: Pick<ApplyRun, 'apply'>;
  readonly freezeMirror: Pick<FreezeMirror, 'run'>;
  readonly snapshots: Pick<RoomSnapshots, 'judgeLog' | 'forget'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly wake: Pick<Wake, 'hint'>;
}

/** The sender of a run: a push, or a peer's answer to our backfill. */
export type RunSource = Pick<ProvenRequest, 'ctx' | 'policy' | 'origin'>;

/** What a receipt says is held of a log. */
interface Held {
  readonly room: LogName;
  readonly from: number;
  readonly seq: number;
  readonly hash: Buffer;
}

/** A run of a foreign home's log: proved, admitted place by place, re-homed, stored, and receipted. */
export class TakeRun {
  constructor(private readonly deps: TakeRunDeps) {}

  async run(source: RunSource, run: UnverifiedRun, keys: readonly string[]): Promise<ItemResult> {
    const { ctx, origin } = source;
    if (serverOf(run.room) !== origin) throw new GatewayError('SW_FED_NOT_HOME', `${run.room} by ${origin}`);
    const snapshot = await this.deps.snapshots.judgeLog(ctx, run.room, (snapshot) => taking(snapshot, run));
    const carried = await this.deps.carriedKeys.read(ctx, run.room, keys);
    const proven = await this.deps.homeWord.verifyRun(ctx, run, origin, carried);
    const result = await this.#store(source, snapshot, proven, carried);
    if (result.status === 'gap') return result;
    const { room, firstSeq: from, folded } = proven;
    if (result.status === 'unheld') return this.#receipt(ctx, { room, from: result.head.head_seq, seq: result.head.head_seq, hash: result.head.head_hash }, []);
    this.deps.wake.hint({ kind: 'log', tenantId: ctx.tenantId });
    return this.#receipt(ctx, { room, from, seq: folded.lastSeq, hash: folded.hash }, result.withheld);
  }

  async #store(source: RunSource, snapshot: RoomSnapshot, run: ProvenRun, carried: CarriedDescriptors): Promise<StoredRun> {
    const { ctx, policy } = source;
    const { room } = snapshot;
    try {
      const speakers = speakersOf(run.entries.map((entry) => admitEntry({ ctx, policy, usage: undefined }, entry)));
      const changesNothing = isTalk(run) && !this.deps.carriedKeys.isNews(carried, speakers);
      const appended = changesNothing ? await this.deps.appendTalk.run(source, snapshot, run) : undefined;
      if (appended !== undefined) return appended;
      const stored = await this.deps.store.transact(ctx, (repositories) => this.#write(source, repositories, room, run, carried));
      this.deps.snapshots.forget(ctx, room.room_id);
      return stored;
    } catch (error) {
      throw error instanceof Fork ? await this.deps.freezeMirror.run(ctx, room, run.headJws, error) : error;
    }
  }

  /** What the entries change comes first, then the entries themselves: so locks keep their order. */
  async #write({ ctx: known, policy }: RunSource, repositories: Repositories, { room_id: roomId }: RoomRow, run: ProvenRun, carried: CarriedDescriptors): Promise<StoredRun> {
    const ctx = await currentTenant(known, repositories);
    if (ctx.status !== 'active') throw new GatewayError('SW_TENANT_SUSPENDED', ctx.slug);
    const locked = await repositories.rooms.lock(ctx, roomId);
    if (locked === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
    requireTaking(locked, run);
    if (run.firstSeq > locked.head_seq + 1) return { status: 'gap', have_seq: locked.head_seq };
    requireRisingTime(locked, run);
    if (run.folded.lastSeq <= locked.head_seq && (await repositories.log.at(ctx, roomId, run.folded.lastSeq)) === undefined) return { status: 'unheld', head: locked };
    const nowMs = this.deps.clock.nowMs();
    const snapshot = await repositories.rooms.withMembers(ctx, locked);
    const standing = { ctx, policy, usage: await repositories.usage.find(ctx) };
    const entries = await withOwnWords(ctx, this.deps.contract, repositories.log, run.entries);
    const admitted = await withholdRepeats(ctx, repositories.log, locked, entries.map((entry) => admitEntry(standing, entry)));
    await this.deps.carriedKeys.pin(ctx, repositories, roomId, carried, speakersOf(admitted));
    const applied = await this.deps.applyRun.apply(standing, repositories, snapshot, admitted, nowMs);
    const items = applied.entries.map((entry, index) => toRunItem(ctx, snapshot, entry, run.folded.hashes[index] ?? run.folded.hash, applied.people));
    const outcome = await repositories.log.appendRun(ctx, { roomId, nowMs, firstSeq: run.firstSeq, prevHash: run.prevHash, items });
    const stored = storedRun(run, items, outcome);
    await checkErasures(ctx, repositories, locked, run);
    await applied.afterAppend(outcome.positions);
    return stored;
  }

  async #receipt(ctx: TenantContext, held: Held, withheld: readonly WithheldPlace[]): Promise<ItemResult> {
    const places = withheld.map(({ seq }) => seq);
    const payload = { ...held, hash: hashText(held.hash), withheld: places, iat: this.deps.clock.nowMs() };
    return { status: 'stored', receipt: signReceipt(await this.deps.ownKeys.current(ctx), payload), withheld };
  }
}

/** Servers whose words are kept. */
function speakersOf(entries: readonly AdmittedEntry[]): ReadonlySet<ServerName> {
  return new Set(entries.flatMap(({ entry, withheld }) => (entry.form === 'event' && withheld === undefined ? [entry.event.event.origin] : [])));
}

function taking(snapshot: RoomSnapshot, run: UnverifiedRun): RoomSnapshot {
  requireTaking(snapshot.room, run);
  return snapshot;
}

/** A room that all of ours have left takes nothing new; what it holds it holds, if the home did not hear so in time. */
function requireTaking({ phase, frozen, log_name: log, head_seq: headSeq }: RoomRow, { folded }: Pick<UnverifiedRun, 'folded'>): void {
  const isRepeat = phase === 'left' && folded.lastSeq <= headSeq;
  if (phase !== 'mirrored' && !isRepeat) throw new GatewayError('SW_ROOM_NOT_FOUND', log);
  if (frozen !== null) throw new GatewayError('SW_FED_LANE_FROZEN', frozen);
}

/** Inside the run the chain has seen to it; here it goes on from what is held. */
function requireRisingTime({ head_seq: headSeq, head_at: headAt }: RoomRow, { firstSeq, entries: [first] }: ProvenRun): void {
  const falls = firstSeq === headSeq + 1 && first !== undefined && first.entry.at < headAt;
  if (falls) throw new GatewayError('SW_FED_CHAIN_INVALID', `time falls at ${firstSeq}`);
}
