import { readFileSync, writeFileSync } from 'node:fs';
import { SECRET_SETTINGS, SETTINGS, type Setting } from '../src/config/settings.js';

const BEGIN = '<!-- configuration: made by `npm run config:table` -->';
const END = '<!-- /configuration -->';
const README = new URL('../README.md', import.meta.url);

/** The README with the table between its markers, as it should be. */
export function withTable(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error('README.md lacks the configuration markers');
  return `${readme.slice(0, begin + BEGIN.length)}\n${table()}\n${readme.slice(end)}`;
}

function table(): string {
  const rows = [
    ...Object.values(SECRET_SETTINGS).map((setting) => row(setting, true)),
    ...Object.values(SETTINGS).map((setting) => row(setting, false)),
  ];
  return ['| name | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function row({ name, fallback, about, unused }: Setting<unknown>, secret: boolean): string {
  const notes = `${secret ? ' Never shown.' : ''}${unused ? ' Accepted, without effect in this node.' : ''}`;
  return `| \`${name}\` | ${fallback === undefined ? '' : `\`${fallback}\``} | ${about}${notes} |`;
}

export function readReadme(): string {
  return readFileSync(README, 'utf8');
}

if (process.argv[1] === import.meta.filename) writeFileSync(README, withTable(readReadme()));
