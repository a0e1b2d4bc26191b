import { expect } from 'chai';
import { LIMITS } from '../../../src/kernel/limits.js';
import { PresenceFlow } from '../../../src/flows/presence.js';
import { LocalCache } from '../../../src/store/cache/local-cache.js';
import { testCaller } from '../../support/http-node.js';
import { TestClock } from '../../support/test-clock.js';

describe('Presence', () => {
  it('fades to offline unless it is repeated', async () => {
    const clock = new TestClock();
    const presence = new PresenceFlow({ read: () => Promise.reject(new Error('nothing is read')) }, new LocalCache(clock), { publishEphemeral: () => undefined });
    const caller = testCaller();
    const shown = async (): Promise<unknown> => (await presence.get(caller, [caller.participantId]))[0]?.presence;
    await presence.set(caller, 'busy');
    clock.advance(LIMITS.presenceMs - 1);
    expect(await shown()).to.equal('busy');
    await presence.set(caller, 'busy');
    clock.advance(LIMITS.presenceMs - 1);
    expect(await shown()).to.equal('busy');
    clock.advance(1);
    expect(await shown()).to.equal('offline');
  });
});
