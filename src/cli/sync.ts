import { Command } from 'commander';
import type { IdentitySync, SyncState } from '../app/sync.js';
import type { Config } from '../config/config.js';
import type { Application } from './application.js';
import { SyncFailed } from './failure.js';
import type { Terminal } from './terminal.js';

/** `scaiwave sync …`: partners, tenants and people, as ScaiKey has them. */
export function syncCommand(app: Pick<Application, 'openSync'>, config: () => Config, terminal: Pick<Terminal, 'out'>): Command {
  async function withSync<T>(work: (sync: IdentitySync) => Promise<T>): Promise<T> {
    const opened = await app.openSync(config());
    try {
      return await work(opened);
    } finally {
      await opened.close();
    }
  }

  const sync = new Command('sync').description('hold partners, tenants and people against ScaiKey, now').action(async () => {
    let changes = 0;
    const failed = await withSync((opened) =>
      opened.run(({ act, tenant, resource }) => {
        changes += 1;
        terminal.out(`${act} ${resource} in ${tenant}`);
      }),
    );
    terminal.out(changes === 0 ? 'Nothing to change.' : `${changes} ${changes === 1 ? 'change' : 'changes'}.`);
    if (failed.length > 0) throw new SyncFailed(failed.map(({ tenant, code }) => `${tenant}: ${code}`));
  });
  sync
    .command('status')
    .description('when it was last done, and how it ended')
    .option('--json', 'one JSON array instead of lines')
    .action(async ({ json }: { readonly json?: true }) => {
      const states = await withSync((opened) => opened.status());
      terminal.out(json === true ? JSON.stringify(states) : states.length === 0 ? 'It was never done.' : states.map(line).join('\n'));
    });
  sync
    .command('register')
    .description('ask ScaiKey to tell this node what changes')
    .action(async () => {
      const { url, outcome, lacking } = await withSync((opened) => opened.register());
      terminal.out(outcome === 'registered' ? `ScaiKey will tell ${url}` : `ScaiKey tells ${url} already; its secret there is as it was`);
      if (lacking.length > 0) terminal.out(`It tells nothing of ${lacking.join(', ')}: add them there, or delete it there and register again`);
    });
  return sync;
}

function line({ tenant, part, lastOkMs, lastChanges, isUnderWay, failingSinceMs, lastError }: SyncState): string {
  const ended = lastOkMs === null ? 'never done' : `done ${new Date(lastOkMs).toISOString()}, ${lastChanges} changes`;
  const trouble = failingSinceMs === null ? '' : `; failing since ${new Date(failingSinceMs).toISOString()} with ${lastError}`;
  return `${tenant} ${part}: ${ended}${isUnderWay ? '; under way' : ''}${trouble}`;
}
