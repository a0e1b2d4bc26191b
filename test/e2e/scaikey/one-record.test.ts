import { expect } from 'chai';
import { hash } from 'node:crypto';
import { openSync } from '../../../src/app.js';
import { loadConfig } from '../../../src/config/config.js';
import { ScaikeyWorld } from '../../support/scaikey-node.js';
import { MASTER_KEY_FOR_TESTS } from '../../support/test-keys.js';

type Sync = Awaited<ReturnType<typeof openSync>>;

describe('one record of ScaiKey', function () {
  this.timeout(60_000);
  let world: ScaikeyWorld;
  let sync: Sync;

  before(async () => {
    world = await ScaikeyWorld.open();
    world.scaikey.tenant('tnt_acme', { name: 'Acme' });
    world.scaikey.user('usr_gone', 'tnt_acme');
    const env = { ...world.scaikey.env(), SCAIWAVE_DB_URL: world.node.database.appUrl, SCAIWAVE_MASTER_KEY: MASTER_KEY_FOR_TESTS, SCAIWAVE_SERVER_NAME: 'node.example', SCAIWAVE_PUBLIC_URL: 'https://node.example', SCAIWAVE_LOG_LEVEL: 'silent' };
    sync = await openSync(loadConfig(env));
    await run();
  });
  after(async () => {
    await sync.close();
    await world.close();
  });

  async function run(): Promise<{ readonly changes: string[]; readonly failed: Awaited<ReturnType<Sync['run']>> }> {
    const changes: string[] = [];
    const failed = await sync.run(({ act, resource }) => void changes.push(`${act} ${resource}`));
    return { changes, failed };
  }
  const ownMark = (subject: string): string => hash('sha256', subject, 'hex').slice(0, 8);
  const namesOf = async (prefix: string): Promise<string[]> => (await world.people('tnt_acme')).filter(({ subject }) => subject.startsWith(prefix)).map(({ local_id: name }) => name);

  it('gives a name to everybody, whatever script theirs is in, and however many wish for the same', async () => {
    const numbers = Array.from({ length: 25 }, (_, index) => index);
    for (const n of numbers) {
      world.scaikey.user(`usr_mail${n}`, 'tnt_acme', { username: `山田${n === 0 ? '' : '太郎'}`, email: `taro${n}@acme.test` });
      world.scaikey.user(`usr_none${n}`, 'tnt_acme', { username: '山田', email: '山田@acme.test' });
      world.scaikey.user(`usr_same${n}`, 'tnt_acme', { username: '山田', email: 'info@acme.test' });
    }
    expect((await run()).changes).to.have.length(75);
    expect(await namesOf('usr_mail')).to.have.members(numbers.map((n) => `taro${n}`));
    expect(await namesOf('usr_none')).to.have.members(numbers.map((n) => `usr_none${n}`));
    const same = await namesOf('usr_same');
    expect(same).to.include.members(['info', 'info-2', 'info-19']);
    expect(same.filter((name) => !/^info(-\d{1,2})?$/.test(name))).to.have.length(6);
    expect(await run()).to.deep.equal({ changes: [], failed: [] });
  });

  it('of a person that cannot be kept stops nobody else', async () => {
    const names = ['ada', ...Array.from({ length: 18 }, (_, index) => `ada-${index + 2}`), `ada-${ownMark('usr_ada')}`];
    await world.node.database.asOwner(
      `insert into participants select (jsonb_populate_record(p, jsonb_build_object('participant_id', gen_random_uuid(), 'local_id', name, 'scaikey_subject', null))).*
       from participants p, unnest($1::text[]) as name where p.scaikey_subject = 'usr_gone'`,
      [names],
    );
    world.scaikey.user('usr_ada', 'tnt_acme', { username: 'ada' });
    world.scaikey.user('usr_after', 'tnt_acme');
    world.scaikey.records.users = world.scaikey.records.users.filter(({ id }) => id !== 'usr_gone');
    expect(await run()).to.deep.equal({ changes: ['participant.created usr_after', 'participant.deactivated usr_gone'], failed: [] });
    await world.node.database.asOwner("delete from participants where local_id = 'ada'");
    expect((await run()).changes).to.deep.equal(['participant.created usr_ada']);
  });

  it('of a tenant that cannot be made stops no other tenant, and no people', async () => {
    const names = ['full', ...Array.from({ length: 19 }, (_, index) => `full-${index + 2}`)];
    await world.node.database.asOwner("insert into tenant_names (kind, value, tenant_id) select 'slug', n, tenant_id from tenants, unnest($1::text[]) as n where slug = 'acme'", [names]);
    world.scaikey.tenant('tnt_full', { slug: 'full' });
    world.scaikey.tenant('tnt_next', { slug: 'next' });
    world.scaikey.user('usr_last', 'tnt_acme');
    expect(await run()).to.deep.equal({ changes: ['tenant.created tnt_next', 'participant.created usr_last'], failed: [] });
  });
});
