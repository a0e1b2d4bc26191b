import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './sources.js';

interface Block {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of one section, in order. */
export function blocksOf(heading: string, readme = readFileSync(join(ROOT, 'README.md'), 'utf8')): readonly Block[] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`the README has no section "${heading}"`);
  return [...section.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({ language, text }));
}

/** What a reader pastes into a shell, one block after the other. */
export function pasted(...headings: readonly string[]): string {
  return headings.flatMap((heading) => blocksOf(heading)).filter(({ language }) => language === 'sh').map(({ text }) => text).join('\n');
}

/** The settings before each `npm start` of a section. */
export function startsOf(heading: string): readonly Readonly<Record<string, string>>[] {
  const lines = blocksOf(heading).filter(({ language }) => language === 'console').flatMap(({ text }) => text.split('\n'));
  return lines.filter((line) => line.endsWith(' npm start')).map((line) => Object.fromEntries([...line.matchAll(/(SCAIWAVE_\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value])));
}
