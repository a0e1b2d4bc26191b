import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { scaiwave } from '../../../src/cli/scaiwave.js';
import { loadConfig } from '../../../src/config/config.js';
import { ROOT } from '../../support/sources.js';

const refuse = (): Promise<never> => Promise.reject(new Error('not asked for here'));
const APP = { startNode: refuse, openAdmin: refuse, openSync: refuse, checkAuditExport: refuse, migrate: refuse };

/** What `scaiwave <words> --help` prints. */
async function helpOf(words: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const terminal = {
    out: say, err: say, onSignal: () => undefined, exit: () => undefined,
    clock: { monotonicMs: () => 0 }, timers: { after: () => ({ cancel: () => undefined }) },
  };
  expect(await scaiwave(APP, [...words, '--help'], terminal, () => loadConfig({})), words.join(' ')).to.equal(0);
  return lines.join('\n');
}

/** The names that stand at the beginning of the lines of a part of a help, such as `Options:`. */
function namesIn(help: string, part: string): readonly string[] {
  const [, after = ''] = help.split(`\n${part}:\n`);
  const lines = (after.split('\n\n')[0] ?? '').split('\n');
  return lines.flatMap((line) => /^ {2}(?:-h, )?([^\s]+)/.exec(line)?.[1] ?? []).filter((name) => name !== 'help' && name !== '--help');
}

/** Every command that does something, with its arguments and options, as the help tells them. */
async function commandsBelow(words: readonly string[] = []): Promise<readonly string[]> {
  const help = await helpOf(words);
  const below = await Promise.all(namesIn(help, 'Commands').map((name) => commandsBelow([...words, name])));
  const takes = [...namesIn(help, 'Arguments').map((name) => `<${name}>`), ...namesIn(help, 'Options')];
  return [...(words.length === 0 ? [] : [['scaiwave', ...words, ...takes].join(' ')]), ...below.flat()];
}

function differences(page: string, commands: readonly string[]): readonly string[] {
  const written = [...page.matchAll(/^\| `(scaiwave [^`]*)` \| .{5,} \|$/gm)].map(([, row = '']) => row);
  return [...written.filter((row) => !commands.includes(row)).map((row) => `only written: ${row}`), ...commands.filter((row) => !written.includes(row)).map((row) => `not written: ${row}`)];
}

describe('the help of the command line', () => {
  const page = readFileSync(join(ROOT, 'specs/cli.md'), 'utf8');

  it('tells the commands, arguments and options of specs/cli.md, and no other', async () => {
    const commands = await commandsBelow();
    expect(commands).to.have.length.above(15);
    expect(differences(page, commands)).to.deep.equal([]);
  });

  it('is seen to differ: a command or an option more, or less', async () => {
    const commands = await commandsBelow();
    expect(differences(page, [...commands, 'scaiwave planted'])).to.deep.equal(['not written: scaiwave planted']);
    expect(differences(page, commands.map((row) => (row === 'scaiwave serve' ? `${row} --planted` : row)))).to.have.length(2);
    expect(differences(page, commands.filter((row) => row !== 'scaiwave serve'))).to.deep.equal(['only written: scaiwave serve']);
  });
});
