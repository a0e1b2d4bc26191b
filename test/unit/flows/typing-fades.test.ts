import { expect } from 'chai';
import { parseRoomId, parseTenantId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { EphemeralMessage } from '../../../src/kernel/ports.js';
import { TypingFades } from '../../../src/flows/typing-fades.js';
import { TestTimers } from '../../support/test-timers.js';

const UUID = '11111111-1111-4111-8111-111111111111';
const ROOM = parseRoomId(`room-${UUID}`);

function saying(person: string, typing: boolean): EphemeralMessage {
  return { tenantId: parseTenantId(UUID), roomId: ROOM, kind: 'typing', payload: { room_id: ROOM, participant_id: person, typing, clears_after_ms: LIMITS.typingMs } };
}

describe('Typing', () => {
  let timers: TestTimers;
  let told: EphemeralMessage[];
  let fades: TypingFades;

  beforeEach(() => {
    timers = new TestTimers();
    told = [];
    fades = new TypingFades(timers, (message) => told.push(message));
  });

  it('is over after 4 s, and that is told once', () => {
    fades.hear(saying('ann', true));
    timers.advance(LIMITS.typingMs - 1);
    expect(told).to.deep.equal([]);
    timers.advance(1);
    expect(told).to.deep.equal([saying('ann', false)]);
    timers.advance(LIMITS.typingMs);
    expect(told).to.have.length(1);
  });

  it('goes on while it is repeated, each person for themself', () => {
    fades.hear(saying('ann', true));
    fades.hear(saying('bob', true));
    timers.advance(LIMITS.typingMs / 2);
    fades.hear(saying('ann', true));
    timers.advance(LIMITS.typingMs / 2);
    expect(told).to.deep.equal([saying('bob', false)]);
    timers.advance(LIMITS.typingMs / 2);
    expect(told).to.deep.equal([saying('bob', false), saying('ann', false)]);
  });

  it('that was ended by the person is not ended again', () => {
    fades.hear(saying('ann', true));
    fades.hear(saying('ann', false));
    expect(timers.running).to.equal(0);
  });

  it('leaves nothing running when the reader has gone', () => {
    fades.hear(saying('ann', true));
    fades.end();
    timers.advance(LIMITS.typingMs);
    expect([told, timers.running]).to.deep.equal([[], 0]);
  });

  it('of more people than a stream keeps in mind is left to the client', () => {
    for (let n = 0; n <= LIMITS.typersPerStreamMax; n += 1) fades.hear(saying(`p-${n}`, true));
    expect(timers.running).to.equal(LIMITS.typersPerStreamMax);
  });
});
