import { expect } from 'chai';
import { parseEventId, parseFqid, parseParticipantId, parseRoomId, parseServerName, parseTenantId, parseWireEventId } from '../../../src/kernel/ids.js';
import { streamMessage } from '../../../src/lanes/stream-message.js';
import type { ToldEntryRow } from '../../../src/store/repositories/entry-row.js';

const UUID = '11111111-1111-4111-8111-111111111111';
const SCOPE = { tenantId: parseTenantId(UUID) };
const ROW: ToldEntryRow = {
  stream_position: 7, room_id: parseRoomId(`room-${UUID}`), seq: 3, at: 5, event_id: parseEventId(`evt-${UUID}`), origin: parseServerName('a.example'),
  wire_id: parseWireEventId(UUID), event_type: 'swp.room.message.edit', sender: parseFqid('@alice:a.example'), sender_id: null, foreign_origin: null,
  content: { body: 'hello' }, target: null, relates_to: null, via: [],
  room_type: 'group', first_position: null, state: 'placed', reason: null, redacted_by: null, origin_ts: 4, created_at: 5,
};

describe('An event on the room streams', () => {
  it('goes under its type without the leading words, once per change', () => {
    const message = streamMessage(SCOPE, ROW);
    expect(message).to.include({ kind: 'message.edit', messageId: `${ROW.event_id}:7`, roomId: ROW.room_id, tenantId: SCOPE.tenantId });
    expect(message.payload).to.include({ seq: 3, state: 'placed', redacted: false });
  });

  it('is all that is documented, and no more', () => {
    const row: ToldEntryRow = { ...ROW, sender_id: parseParticipantId(UUID), foreign_origin: 'b.example', relates_to: parseEventId(`evt-${UUID}`), via: ['brg-1:a.example'], reason: 'SW_ROOM_FROZEN' };
    expect(streamMessage(SCOPE, row).payload).to.deep.equal({
      event_id: `evt-${UUID}`, type: 'swp.room.message.edit', stream_position: 7, seq: 3, sender: '@alice:a.example', sender_id: UUID, foreign_origin: 'b.example',
      content: { body: 'hello' }, redacted: false, relates_to: `evt-${UUID}`, via: ['brg-1:a.example'], state: 'placed', reason: 'SW_ROOM_FROZEN', origin_ts: 4, at: 5,
    });
  });

  it('keeps a foreign type whole', () => {
    expect(streamMessage(SCOPE, { ...ROW, event_type: 'org.example.poll' }).kind).to.equal('org.example.poll');
  });

  it('says of an event of an incognito room that it is not to be indexed, and of no other', () => {
    expect(streamMessage(SCOPE, { ...ROW, room_type: 'incognito' }).payload).to.include({ do_not_index: true });
    expect(streamMessage(SCOPE, ROW).payload).not.to.have.property('do_not_index');
  });

  it('never carries the content of an erased event', () => {
    expect(JSON.stringify(streamMessage(SCOPE, { ...ROW, redacted_by: 9 }))).not.to.include('hello');
  });
});
