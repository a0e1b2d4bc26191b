import type { QueryResultRow } from 'pg';
import type { LogName } from '../../src/kernel/ids.js';
import { foldRun } from '../../src/protocol/chain.js';
import { readMark, type Acknowledged } from './load.js';

/** A store that is looked into. */
export interface Looked {
  readonly name: string;
  rows<R extends QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
}

interface LogRow extends QueryResultRow {
  readonly seq: number;
  readonly at: number;
  readonly event_type: string;
  readonly state: string;
  readonly sender: string;
  readonly wire_id: string;
  readonly event_hash: Buffer;
  readonly chain_hash: Buffer;
  readonly mark: string | null;
}

export interface StoredLog {
  readonly of: string;
  readonly logName: LogName;
  readonly startSeq: number;
  readonly headSeq: number;
  readonly headHash: string;
  readonly pending: number;
  readonly rows: readonly LogRow[];
}

const ROWS = `
  select seq::float8 as seq, at::float8 as at, event_type, state, sender, wire_id, event_hash, chain_hash,
    coalesce(content->>'body', content->>'emoji', content->>'reason', content->'new_content'->>'body') as mark
  from entries where room_id = $1 and seq is not null order by seq`;
const ROOM = `
  select log_name, start_seq::float8 as start_seq, head_seq::float8 as head_seq, encode(head_hash, 'hex') as head_hash,
    (select count(*)::int from entries e where e.room_id = r.room_id and e.state = 'pending') as pending
  from rooms r where room_id = $1`;

export async function readLog(store: Looked, room: string): Promise<StoredLog> {
  const [head] = await store.rows<{ log_name: LogName; start_seq: number; head_seq: number; head_hash: string; pending: number }>(ROOM, [room]);
  if (head === undefined) throw new Error(`${store.name} has no ${room}`);
  const rows = await store.rows<LogRow>(ROWS, [room]);
  return { of: store.name, logName: head.log_name, startSeq: head.start_seq, headSeq: head.head_seq, headHash: head.head_hash, pending: head.pending, rows };
}

/** Everything that has been said has a place, and both have all of it. */
export function isHealed(home: StoredLog, mirror: StoredLog): boolean {
  return mirror.pending === 0 && home.headSeq === mirror.headSeq && home.headHash === mirror.headHash;
}

/** What is wrong with a room's two logs, in sentences; nothing if all promises are kept. */
export function faultsOf(home: StoredLog, mirror: StoredLog, acknowledged: readonly Acknowledged[], messages: ReadonlySet<string>): readonly string[] {
  const faults = [...chainFaults(home), ...chainFaults(mirror), ...orderFaults(home), ...orderFaults(mirror)];
  for (const log of [home, mirror]) {
    const times = new Map<string, number>();
    for (const { mark } of log.rows) if (mark !== null) times.set(mark, (times.get(mark) ?? 0) + 1);
    for (const { mark } of acknowledged) if (!times.has(mark)) faults.push(`${log.of}: ${mark} was answered 2xx and is not there`);
    for (const mark of messages) if (!times.has(mark)) faults.push(`${log.of}: the message ${mark} is not there`);
    for (const [mark, count] of times) if (count > 1 && readMark(mark) !== undefined) faults.push(`${log.of}: ${mark} is there ${count} times`);
    const wires = new Set(log.rows.map(({ wire_id, sender }) => `${sender} ${wire_id}`));
    if (wires.size !== log.rows.length) faults.push(`${log.of}: an event has two places`);
  }
  const here = new Map(home.rows.map((row) => [row.seq, row]));
  for (const row of mirror.rows) {
    const same = here.get(row.seq)?.chain_hash.equals(row.chain_hash) === true;
    if (!same) faults.push(`${mirror.of}: another entry than ${home.of} at ${row.seq}`);
  }
  if (!isHealed(home, mirror)) faults.push(`heads differ: ${home.headSeq} and ${mirror.headSeq}, ${mirror.pending} pending`);
  return faults;
}

function chainFaults(log: StoredLog): readonly string[] {
  const faults: string[] = [];
  const rows = log.rows.filter(({ seq }) => seq > log.startSeq);
  for (const { seq, state, event_type: type } of rows) if (state !== 'placed') faults.push(`${log.of}: ${seq} (${type}) is ${state}`);
  const [first, ...rest] = rows;
  if (first === undefined) return [...faults, `${log.of}: nothing is there`];
  if (first.seq !== log.startSeq + 1) faults.push(`${log.of}: begins at ${first.seq}, not after ${log.startSeq}`);
  try {
    const links = rest.map(({ seq, at, event_hash: eventHash }) => ({ seq, at, eventHash }));
    const folded = foldRun({ room: log.logName, firstSeq: first.seq + 1, prevHash: first.chain_hash, prevAt: first.at }, links);
    if (folded.lastSeq !== log.headSeq || folded.hash.toString('hex') !== log.headHash) faults.push(`${log.of}: the chain ends elsewhere than the head`);
  } catch (error) {
    faults.push(`${log.of}: the chain does not hold: ${String(error)}`);
  }
  return faults;
}

/** Nobody's later word stands before an earlier one. */
function orderFaults(log: StoredLog): readonly string[] {
  const faults: string[] = [];
  const last = new Map<string, number>();
  for (const { mark, seq } of log.rows) {
    const said = mark === null ? undefined : readMark(mark);
    if (said === undefined) continue;
    if (said.n < (last.get(said.writer) ?? 0)) faults.push(`${log.of}: ${mark} at ${seq} stands after #${last.get(said.writer)}`);
    last.set(said.writer, Math.max(said.n, last.get(said.writer) ?? 0));
  }
  return faults;
}

const COUNTERS = `
  select u.rooms, u.participants, u.federated_shadows, u.bridge_shadows, u.mirror_bytes::float8 as mirror_bytes,
    u.sidekicks, u.storage_bytes::float8 as storage_bytes,
    (select count(*)::int from sidekicks s where s.tenant_id = t.tenant_id and s.status in ('spawning', 'running')) as real_sidekicks,
    (select coalesce(sum(m.bytes), 0)::float8 from media m where m.tenant_id = t.tenant_id) as real_storage_bytes,
    (select count(*)::int from rooms r where r.tenant_id = t.tenant_id and r.phase in ('hosted', 'joining', 'mirrored') and r.state <> 'closed') as real_rooms,
    (select count(*)::int from participants p where p.tenant_id = t.tenant_id and p.participant_type = 'federated') as real_shadows,
    (select count(*)::int from participants p join bridges b using (tenant_id)
      where p.tenant_id = t.tenant_id and p.foreign_origin = 'bridge:' || b.bridge_id and p.participant_id <> b.participant_id) as real_bridge_shadows,
    (select coalesce(sum(length(e.jws)), 0)::float8 from entries e join rooms r using (tenant_id, room_id)
      where e.tenant_id = t.tenant_id and r.phase <> 'hosted' and e.seq is not null) as real_mirror_bytes,
    (select count(distinct m.participant_id)::int from members m join rooms r using (tenant_id, room_id) join participants p using (tenant_id, participant_id)
      where m.tenant_id = t.tenant_id and m.membership = 'join' and r.phase = 'hosted' and p.participant_type not in ('agent', 'bridge')) as real_participants,
    (select count(*)::int from participants p where p.tenant_id = t.tenant_id and p.participant_type not in ('agent', 'bridge') and p.counted_joins <> (
      select count(*) from members m join rooms r using (tenant_id, room_id)
      where m.tenant_id = p.tenant_id and m.participant_id = p.participant_id and m.membership = 'join' and r.phase = 'hosted')) as miscounted
  from tenants t join tenant_usage u using (tenant_id)`;

/** Counters of quotas beside what the rows say. */
export async function counterFaults(store: Looked): Promise<readonly string[]> {
  const rows = await store.rows<Record<string, number>>(COUNTERS);
  return rows.flatMap((row) => {
    const pairs = [['rooms', 'real_rooms'], ['participants', 'real_participants'], ['federated_shadows', 'real_shadows'], ['bridge_shadows', 'real_bridge_shadows'], ['mirror_bytes', 'real_mirror_bytes'],
      ['sidekicks', 'real_sidekicks'], ['storage_bytes', 'real_storage_bytes']] as const;
    const wrong = pairs.filter(([counted, real]) => row[counted] !== row[real]).map(([counted, real]) => `${store.name}: ${counted} says ${row[counted]}, there are ${row[real]}`);
    return row['miscounted'] === 0 ? wrong : [...wrong, `${store.name}: ${row['miscounted']} people's joins are miscounted`];
  });
}
