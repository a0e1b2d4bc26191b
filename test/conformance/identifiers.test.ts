import { expect } from 'chai';
import * as ids from '../../src/kernel/ids.js';
import { ID_FORMATS } from '../../src/contract/id-formats.js';
import { isReservedLocalId, localIdSlug } from '../../src/kernel/local-ids.js';
import { fixture, outcome } from '../support/fixtures.js';

interface Case {
  readonly kind: keyof typeof PARSERS;
  readonly text: string;
  readonly valid: boolean;
  readonly why?: string;
}

const PARSERS = {
  server_name: ids.parseServerName,
  local_id: ids.parseLocalId,
  fqid: ids.parseFqid,
  log_name: ids.parseLogName,
  room_id: ids.parseRoomId,
  event_id: ids.parseEventId,
  bridge_id: ids.parseBridgeId,
  invitation_id: ids.parseInvitationId,
  delivery_id: ids.parseDeliveryId,
  media_id: ids.parseMediaId,
  task_id: ids.parseTaskId,
  participant_id: ids.parseParticipantId,
  tenant_id: ids.parseTenantId,
  partner_id: ids.parsePartnerId,
  wire_event_id: ids.parseWireEventId,
  key_id: ids.parseKeyId,
};

const CASES = fixture<{ cases: Case[] }>('identifiers').cases;

describe('identifiers (fixtures/identifiers.json)', () => {
  it('has a grammar, a format word and vectors for every kind', () => {
    const words = Object.keys(PARSERS).map((kind) => `scaiwave-${kind.replaceAll('_', '-')}`);
    expect(words).to.have.members(Object.keys(ID_FORMATS));
    expect(new Set(CASES.map(({ kind }) => kind))).to.have.all.keys(Object.keys(PARSERS));
  });

  for (const { kind, text, valid, why } of CASES) {
    it(`${valid ? 'accepts' : 'refuses'} ${JSON.stringify(text.slice(0, 60))} as ${kind}${why === undefined ? '' : `: ${why}`}`, async () => {
      expect(await outcome(() => PARSERS[kind](text))).to.equal(valid ? 'ok' : 'SW_BAD_REQUEST');
      expect(ID_FORMATS[`scaiwave-${kind.replaceAll('_', '-')}`]?.(text)).to.equal(valid);
    });
  }
});

describe('names made for people (fixtures/local-ids.json)', () => {
  for (const { text, expect: made, why } of fixture<{ cases: { text: string; expect: string; why: string }[] }>('local-ids').cases) {
    it(`${JSON.stringify(text)} is ${made}: ${why}`, () => {
      expect(localIdSlug(text)).to.equal(made);
      for (const name of [made, `${made}-2`]) expect(isReservedLocalId(name), name).to.equal(false);
    });
  }

  it('knows the reserved ones', () => {
    for (const name of ['gateway', 'bridge-1', 'sidekick-1']) expect(isReservedLocalId(name), name).to.equal(true);
  });
});
