import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/processes.js';
import { DemoNode } from './node.js';
import { Receiver } from './receiver.js';

/** What the demo plays on. `close` ends both processes and leaves nothing behind. */
export interface Stage {
  readonly a: DemoNode;
  readonly b: DemoNode;
  /** A web service of somebody else, to which A's bridge relays. */
  readonly receiver: Receiver;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'scaiwave-demo-'));
  // As root, PostgreSQL runs under another account, which must be able to pass.
  chmodSync(folder, 0o755);
  const receiver = await Receiver.open();
  const [portA, portB] = [await freePort(), await freePort()];
  const settings = {
    SCAIWAVE_PEER_URLS: `a.example=http://127.0.0.1:${portA},b.example=http://127.0.0.1:${portB}`,
    // Private addresses are closed to webhooks unless they are named.
    SCAIWAVE_EGRESS_ALLOW: receiver.address,
  };
  const a = new DemoNode('a.example', portA, folder, settings);
  const b = new DemoNode('b.example', portB, folder, settings);
  return {
    a,
    b,
    receiver,
    async close() {
      await Promise.all([a.stop(), b.stop(), receiver.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
