import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { parseRoomId, parseServerName, parseTenantId, type ServerName } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { tenantContext } from '../../../src/kernel/tenant-context.js';
import { TENANT_LIMIT_DEFAULTS } from '../../../src/kernel/tenant-limits.js';
import { requireStartFits } from '../../../src/flows/start-fits.js';
import { START_BYTES_MAX } from '../../../src/lanes/build-batch.js';
import { outcome } from '../../support/fixtures.js';

const ctx = tenantContext({
  tenantId: parseTenantId(randomUUID()), slug: 'a', name: 'A', scaikeyTenantId: 'a', partnerId: null, serverName: parseServerName('a.example'),
  status: 'active', limits: TENANT_LIMIT_DEFAULTS, features: {}, epoch: 1,
});
const newcomer = parseServerName('b.example');
const room = { room_id: parseRoomId(`room-${randomUUID()}`) };

/** What becomes of a newcomer to a room whose state takes so many bytes and was written by people of these servers. */
function entering(origins: readonly ServerName[], jwsBytes = 1_000): Promise<string> {
  const log = { stateSize: async () => ({ entries: origins.length, jwsBytes, origins }) };
  return outcome(() => requireStartFits(ctx, { log, peers: { find: async () => undefined } }, room, newcomer, 1));
}

describe('A room that a further server comes into', () => {
  const thirds = Array.from({ length: LIMITS.batchKeysMax + 1 }, (_, n) => parseServerName(`s${n}.example`));

  it('has state of no more bytes than one batch holds', async () => {
    expect(await entering([newcomer], START_BYTES_MAX / 2)).to.equal('ok');
    expect(await entering([newcomer], START_BYTES_MAX)).to.equal('SW_FED_ROOM_TOO_LARGE');
  });

  it('has state of no more third servers than one batch holds keys of', async () => {
    expect(await entering([ctx.serverName, newcomer, ...thirds.slice(1)])).to.equal('ok');
    expect(await entering(thirds)).to.equal('SW_FED_ROOM_TOO_LARGE');
  });
});
