import {
  parseBridgeId,
  parseDeliveryId,
  parseEventId,
  parseFqid,
  parseInvitationId,
  parseKeyId,
  parseLocalId,
  parseLogName,
  parseMediaId,
  parseParticipantId,
  parsePartnerId,
  parseRoomId,
  parseServerName,
  parseTaskId,
  parseTenantId,
  parseWireEventId,
} from '../kernel/ids.js';

/** `format` words of our schemas: the grammars of specs/protocol/identifiers.md, judged by the kernel's own parsers. */
export const ID_FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  'scaiwave-server-name': accepts(parseServerName),
  'scaiwave-local-id': accepts(parseLocalId),
  'scaiwave-fqid': accepts(parseFqid),
  'scaiwave-log-name': accepts(parseLogName),
  'scaiwave-wire-event-id': accepts(parseWireEventId),
  'scaiwave-key-id': accepts(parseKeyId),
  'scaiwave-room-id': accepts(parseRoomId),
  'scaiwave-event-id': accepts(parseEventId),
  'scaiwave-bridge-id': accepts(parseBridgeId),
  'scaiwave-invitation-id': accepts(parseInvitationId),
  'scaiwave-delivery-id': accepts(parseDeliveryId),
  'scaiwave-media-id': accepts(parseMediaId),
  'scaiwave-task-id': accepts(parseTaskId),
  'scaiwave-participant-id': accepts(parseParticipantId),
  'scaiwave-partner-id': accepts(parsePartnerId),
  'scaiwave-tenant-id': accepts(parseTenantId),
};

function accepts(parse: (input: unknown) => string): (text: string) => boolean {
  return (text) => {
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  };
}
