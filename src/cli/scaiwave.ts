import { Command, CommanderError } from 'commander';
import { loadConfig, type Config } from '../config/config.js';
import { readEnvironment } from '../config/env.js';
import { showConfig } from '../config/show-config.js';
import { adminCommand } from './admin.js';
import { auditCommand } from './audit.js';
import type { Application } from './application.js';
import { explain } from './failure.js';
import { serve } from './serve.js';
import { syncCommand } from './sync.js';
import type { Terminal } from './terminal.js';

/** Runs one command line (without the program's own name) and answers with the exit code. */
export async function scaiwave(
  app: Application,
  words: readonly string[],
  terminal: Terminal,
  config: () => Config = () => loadConfig(readEnvironment()),
): Promise<number> {
  try {
    await program(app, terminal, config).parseAsync(words, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has said it already.
    if (error instanceof CommanderError) return error.exitCode;
    terminal.err(explain(error));
    return 1;
  }
}

function program(app: Application, terminal: Terminal, config: () => Config): Command {
  const root = new Command('scaiwave')
    .description('The federation and bridge gateway node of ScaiWave. Configured by the environment; see the README.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.err(text.trimEnd()) });

  root
    .command('serve')
    .description('run the node until SIGINT or SIGTERM')
    .action(() => serve(app, config(), terminal));
  root
    .command('migrate')
    .description('make or update schema and roles, as SCAIWAVE_DB_OWNER_URL')
    .action(async () => {
      const applied = await app.migrate(config());
      terminal.out(applied.length === 0 ? 'Nothing to do.' : applied.map((name) => `applied ${name}`).join('\n'));
    });
  root
    .command('show-config')
    .description('print the configuration in force, secrets redacted')
    .action(() => terminal.out(showConfig(config())));
  root.addCommand(adminCommand(app, config, terminal));
  root.addCommand(auditCommand(app, config, terminal));
  root.addCommand(syncCommand(app, config, terminal));
  for (const word of ['register', 'status']) {
    root.command(word).description(`the same as sync ${word}`).action(async () => void (await syncCommand(app, config, terminal).parseAsync([word], { from: 'user' })));
  }
  for (const command of everyCommand(root)) command.copyInheritedSettings(root);
  return root;
}

/** Commands that were made apart do not inherit by themselves how to fail and where to print. */
function everyCommand(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child)]);
}
