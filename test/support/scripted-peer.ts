import { hashText, parseHash } from '../../src/protocol/chain.js';
import { signReceipt } from '../../src/protocol/receipt.js';
import { readSendBody, type SendItem } from '../../src/protocol/send.js';
import type { ItemResult } from '../../src/protocol/send-answer.js';
import type { LogName, ServerName } from '../../src/kernel/ids.js';
import type { PeerExchange, RawReply } from '../../src/kernel/ports.js';
import type { WireBatch } from '../../src/protocol/send.js';
import type { SigningKey } from '../../src/protocol/keys.js';
import { FakePeer } from './fake-peer.js';
import { contract } from './fixtures.js';

/** What the peer makes of one item; the batch is read as a real gateway reads it. */
export type Script = (item: SendItem, index: number) => ItemResult;

/** Another server on the far side of `/send`, which answers as it is told. */
export class ScriptedPeer {
  readonly fake: FakePeer;
  /** Every batch that arrived, oldest first. */
  readonly batches: WireBatch[] = [];
  readonly items: SendItem[][] = [];
  script: Script = (item) => this.honest(item);
  /** An answer to the request as a whole, instead of results; or 'away'. */
  whole: ((batch: WireBatch) => RawReply | 'away' | undefined) | undefined;

  constructor(name: string, private readonly nowMs: () => number) {
    this.fake = new FakePeer(name, nowMs);
  }

  get server(): ServerName {
    return this.fake.server;
  }

  readonly exchange: PeerExchange = async ({ body }) => {
    const bytes = body ?? Buffer.alloc(0);
    const batch = JSON.parse(bytes.toString('utf8')) as WireBatch;
    const whole = this.whole?.(batch);
    if (whole === 'away') throw new Error('the peer is away');
    if (whole !== undefined) return whole;
    const read = readSendBody(contract, bytes);
    if (read.kind !== 'batch') throw new Error('not a batch');
    const items = read.items.map((judged) => {
      if (!judged.ok) throw judged.refusal;
      return judged.item;
    });
    this.batches.push(batch);
    this.items.push(items);
    const results = items.map((item, index) => this.script(item, index));
    return reply(200, { data: { batch_id: batch.batch_id, results } });
  };

  /** Takes everything. */
  honest(item: SendItem): ItemResult {
    switch (item.kind) {
      case 'log':
        return this.stored(item.run.room, item.run.firstSeq, item.run.folded.lastSeq, hashText(item.run.folded.hash));
      case 'start':
        return { status: 'accepted' };
      case 'member':
      case 'event':
        return { status: 'accepted' };
    }
  }

  stored(room: LogName, from: number, seq: number, hash: string, key: SigningKey = this.fake.current): ItemResult {
    parseHash(hash);
    return { status: 'stored', receipt: signReceipt(key, { room, from, seq, hash, withheld: [], iat: this.nowMs() }), withheld: [] };
  }
}

export function refusedWith(code: string, retryable: boolean): ItemResult {
  return { status: 'refused', code, message: 'No.', retryable };
}

export function reply(status: number, json: object, headers: Readonly<Record<string, string>> = {}): RawReply {
  return { status, headers, body: Buffer.from(JSON.stringify(json)) };
}
