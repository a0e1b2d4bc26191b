import { expect } from 'chai';
import { SyncAtStandstill } from '../../../src/flows/scaikey/sync-at-standstill.js';
import { silentLog } from '../../support/silent-ports.js';

describe('what a process does for ScaiKey while no tenant is active', () => {
  it('is looked at again and again, failures included, until the process stops', async () => {
    const pauses: number[] = [];
    let looks = 0;
    let stopped: Promise<void> | undefined;
    const standstill: SyncAtStandstill = new SyncAtStandstill({
      look: async () => {
        looks += 1;
        if (looks === 2) throw new Error('away');
      },
      pauseMs: () => 600_000,
      timers: {
        sleep: async (ms) => {
          pauses.push(ms);
          if (pauses.length === 4) stopped = standstill.stop();
        },
      },
      log: silentLog,
    });
    standstill.start();
    standstill.start();
    while (stopped === undefined) await new Promise((resolve) => setImmediate(resolve));
    await stopped;
    expect(looks).to.equal(4);
    expect(pauses).to.deep.equal([600_000, 600_000, 600_000, 600_000]);
  });

  it('ends its wait when the process stops', async () => {
    const waits: AbortSignal[] = [];
    const sleep = (_ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        if (signal === undefined) throw new Error('a wait that nothing ends');
        waits.push(signal);
        signal.addEventListener('abort', () => resolve());
      });
    const standstill = new SyncAtStandstill({ look: async () => undefined, pauseMs: () => 1, timers: { sleep }, log: silentLog });
    standstill.start();
    while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await standstill.stop();
    expect(waits).to.have.length(1);
  });
});
