import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { systemRandomness, systemTimers } from '../../../src/kernel/system-ports.js';
import { migrate } from '../../../src/store/migrate.js';
import { MIGRATIONS } from '../../../src/store/migrations/index.js';
import { freshDatabase } from '../../support/database.js';
import { silentLog } from '../../support/silent-ports.js';

describe('the duty that reads AI usage', () => {
  it('is given to tenants that were there before it, and their locks hold again', async () => {
    const before = MIGRATIONS.slice(0, MIGRATIONS.findIndex(({ name }) => name.endsWith('-ai-usage')));
    const database = await freshDatabase(before);
    try {
      await database.asOwner("insert into tenants (tenant_id, slug, name, scaikey_tenant_id, server_name, created_at) values ($1, 'a', 'A', 'tnt_a', 'a.example', 1)", [randomUUID()]);
      await migrate({ ownerUrl: database.ownerUrl, appUrl: database.appUrl, migrations: MIGRATIONS, randomness: systemRandomness, timers: systemTimers, log: silentLog });
      expect(await database.asOwner("select kind, due_at <= now() as due from consumers where consumer_id = 'duty:ai-usage'")).to.deep.equal([{ kind: 'duty', due: true }]);
      expect(await database.asOwner("select relname from pg_class where relname in ('tenants', 'consumers') and not relforcerowsecurity")).to.deep.equal([]);
    } finally {
      await database.drop();
    }
  });
});
