import { expect } from 'chai';
import { q } from '../../src/store/queries.js';
import { freshDatabase, type TestDatabase } from '../support/database.js';
import { repositoryMethods } from '../support/repository-methods.js';
import { typescriptFiles } from '../support/sources.js';
import { Twins, type Ask, type Done } from '../support/twins.js';
import { CASES, SPANNING } from './repository-cases.js';

describe('each lock between tenants, without the other', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let twins: Twins;
  let untouched: Done;

  before(async () => {
    database = await freshDatabase();
    twins = await Twins.in(database);
    untouched = await twins.filtersAlone(() => Promise.resolve(), false);
  });
  after(async () => {
    await twins.close();
    await database.drop();
  });

  /** What is wrong with the filters of a method: nobody else looks after it. */
  async function filterFaults(ask: Ask): Promise<readonly string[]> {
    const [alone, together] = [await twins.filtersAlone(ask, true), await twins.filtersAlone(ask, false)];
    return [
      ...(together.outcome === alone.outcome ? [] : [`answers otherwise beside another tenant: ${together.outcome} instead of ${alone.outcome}`]),
      ...(together.two === untouched.two ? [] : ['changes rows of another tenant']),
      ...(together.outcome.startsWith('threw') ? [`the case says nothing: it ${together.outcome}`] : []),
      ...(isNothing(together.outcome) && together.one === untouched.one ? ['the case says nothing: it finds and changes nothing'] : []),
    ];
  }

  /** What is wrong with the policies around a method, in a session of another tenant. */
  async function policyFaults(ask: Ask): Promise<readonly string[]> {
    const [nowhere, there] = [await twins.policiesAlone(ask, true), await twins.policiesAlone(ask, false)];
    return [
      ...(there.outcome === nowhere.outcome ? [] : [`finds something: ${there.outcome} instead of ${nowhere.outcome}`]),
      ...(there.one === untouched.one ? [] : ['changes rows of its argument’s tenant']),
      ...(there.two === untouched.two ? [] : ['changes rows of its session’s tenant']),
    ];
  }

  it('has rows of both tenants in every table', async () => {
    expect(await twins.empty()).to.deep.equal([]);
  });

  it('has a case for every method of every repository', () => {
    const methods = repositoryMethods(typescriptFiles('src/store/repositories'));
    expect(methods.length).to.be.greaterThan(100);
    expect([...Object.keys(CASES), ...SPANNING].sort()).to.deep.equal([...methods].sort());
  });

  for (const [method, ask] of Object.entries(CASES)) {
    it(`${method} keeps to its tenant by its filters alone, and by row-level security alone`, async () => {
      expect(await filterFaults(ask)).to.deep.equal([]);
      expect(await policyFaults(ask)).to.deep.equal([]);
    });
  }

  describe('are seen to be missing', () => {
    it('when a query does not ask for its tenant', async () => {
      expect(await filterFaults((_repositories, _ctx, tx) => tx.rows(q('rooms').select('name').orderBy('name')))).to.have.length(1);
      expect(await filterFaults((_repositories, _ctx, tx) => tx.rows(q('rooms').count({ n: '*' })))).to.have.length(1);
    });

    it('when an update does not ask for its tenant', async () => {
      expect(await filterFaults((_repositories, _ctx, tx) => tx.rows(q('rooms').update({ topic: 'planted' })))).to.deep.equal(['changes rows of another tenant']);
    });

    it('when a table has no policy', async () => {
      const ask: Ask = async (_repositories, ctx, tx) => {
        // As whoever owns the table: what a table without forced policies would give to the service.
        await tx.prepared('planted', 'reset role', []);
        return tx.rows(q('rooms').where({ tenant_id: ctx.tenantId }).select('name').orderBy('name'));
      };
      expect(await policyFaults(ask)).to.have.length(1);
    });

    it('when a repository has a method without a case', () => {
      const planted = { path: 'src/store/repositories/planted.repository.ts', text: 'export class PlantedRepository { async leak(): Promise<void> {} private hidden(): void {} #quiet(): void {} }' };
      expect(repositoryMethods([planted])).to.deep.equal(['PlantedRepository.leak']);
    });
  });
});

function isNothing(outcome: string): boolean {
  return ['undefined', 'null', '[]', 'false', '0'].includes(outcome);
}
