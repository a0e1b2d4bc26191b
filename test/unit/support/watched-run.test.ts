import { expect } from 'chai';
import { CACHE_CLIENT } from '../../../src/store/cache/redis-cache.js';
import { WatchedRun } from '../../support/watched-run.js';

const KEY = `sw:${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}:presence:x`;

/** A run that heard a node at :1 open its connection and then say these. */
function heard(...commands: readonly (readonly string[])[]): WatchedRun {
  const run = new WatchedRun();
  for (const command of [['client', 'setname', CACHE_CLIENT], ['info'], ...commands]) run.hear(command, '127.0.0.1:1');
  return run;
}

describe('a run watched on a lent Redis', () => {
  it('is one test passed when nodes touched keys of tenants alone', () => {
    expect(heard(['get', KEY], ['set', KEY, '1']).verdict()).to.deep.equal({
      tally: { passed: 1, failed: 0, pending: 0, failures: [] },
      line: 'redis watch  2 keys in the commands of all nodes, 0 of them of no tenant',
    });
  });

  it('is one test failed on a key without a tenant, in whatever command', () => {
    expect(heard(['get', KEY], ['del', KEY, 'presence:bob'], ['flushall']).verdict().tally).to.deep.equal({
      passed: 0, failed: 1, pending: 0,
      failures: ['a key in Redis that is of no tenant: presence:bob', 'a key in Redis that is of no tenant: unknown command flushall'],
    });
  });

  it('is failed when no node was heard at all', () => {
    expect(heard().verdict().tally.failures).to.deep.equal(['no node touched a key in Redis']);
  });

  it('hears no stranger on the same server, nor one that has the address of a node later', () => {
    const run = heard(['get', KEY]);
    run.hear(['keys', '*'], '127.0.0.1:2');
    run.hear(['info'], '127.0.0.1:1');
    run.hear(['get', 'theirs'], '127.0.0.1:1');
    expect(run.verdict().tally.failures).to.deep.equal([]);
  });
});
