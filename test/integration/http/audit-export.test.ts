import { once } from 'node:events';
import { expect } from 'chai';
import { ReadAudit } from '../../../src/flows/audit/read-audit.js';
import { lines } from '../../../src/http/reply.js';
import { EVERY_ACT } from '../../../src/kernel/audit.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { AuditWorld } from '../../support/audit-world.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';

const STEPS = 20;

describe('an exported audit that nobody takes', function () {
  this.timeout(60_000);
  let database: TestDatabase;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  it('is read from the database no further than it is taken', async () => {
    const world = new AuditWorld(database);
    const caller = await world.admin(await world.tenant('first'));
    await database.asOwner(`insert into audit (tenant_id, actor, act, detail) select '${caller.ctx.tenantId}', '{"name": "cli"}', 'bridge.paused', '{}' from generate_series(1, ${STEPS * LIMITS.auditReadMax})`);
    let reads = 0;
    const audit = new ReadAudit({ read: (ctx, work) => ((reads += 1), world.store.read(ctx, work)) });

    const { stream } = await lines('api/audit-line').render(await audit.export(caller, EVERY_ACT), { method: 'GET', headers: {} });
    if (stream === undefined) return expect.fail('no stream');
    await once(stream, 'readable');
    stream.read();
    for (let turn = 0; turn < 3; turn += 1) await world.store.read(caller.ctx, ({ audit: rows }) => rows.run(caller.ctx, EVERY_ACT, 0, STEPS * LIMITS.auditReadMax, LIMITS.auditReadMax));
    expect(reads).to.be.within(2, 4);

    let text = '';
    for await (const chunk of stream) text += String(chunk);
    expect(reads).to.equal(STEPS + 2);
    expect(text).to.include(`"records":${STEPS * LIMITS.auditReadMax},"whole":true`);
  });
});
