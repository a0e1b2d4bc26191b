import type { SourceFile } from './sources.js';

interface HouseRule {
  readonly title: string;
  /** Under which folders and files it holds. */
  readonly holdsIn: RegExp;
  readonly broken: (file: SourceFile) => boolean;
}

const LINES_MAX = 400;
const CODE = /^(src|test|config|\.ci)\//;
const EVERYTHING = /^(src|test|config|specs|fixtures|\.ci)\/|^README\.md$|^package\.json$/;

/** Words are put together here, so that this file does not hold what it looks for. */
const word = (...parts: readonly string[]): string => parts.join('');
const found = (...patterns: readonly string[]): ((file: SourceFile) => boolean) => {
  const pattern = new RegExp(patterns.join('|'));
  return ({ text }) => pattern.test(text);
};

export const HOUSE_RULES: readonly HouseRule[] = [
  {
    title: 'a file has at most 400 lines',
    holdsIn: CODE,
    broken: ({ text }) => text.split('\n').length - 1 > LINES_MAX,
  },
  {
    title: 'a name says what is in the file',
    holdsIn: EVERYTHING,
    broken: ({ path }) => /(^|[/.-])(utils?|helpers?|manager|common|misc)([/.-]|$)/i.test(path),
  },
  {
    title: 'a room has no index that hides its files',
    holdsIn: /^src\//,
    // The list of migrations has no other content than its files.
    broken: ({ path }) => path.endsWith('/index.ts') && path !== 'src/store/migrations/index.ts',
  },
  {
    title: 'nothing is left for later',
    holdsIn: CODE,
    broken: found(word('TO', 'DO'), word('FIX', 'ME'), word('XX', 'X\\b'), word('not ', 'implemented')),
  },
  {
    title: 'no test is skipped or runs alone',
    holdsIn: /^test\//,
    broken: found(word('\\b(it|describe|context|specify)\\.', '(skip|only)\\b'), word('this\\.', 'skip\\('), word('\\bx(it|describe|context)', '\\(')),
  },
  {
    title: 'nothing depends on one machine',
    holdsIn: EVERYTHING,
    broken: found(word('/', 'work/'), word('/', 'farm/'), word('/', 'Users/'), word('/home/', '[a-z]+/'), word('\\.\\./', 'shared')),
  },
  {
    title: 'nothing depends on NODE_ENV',
    holdsIn: /^src\//,
    broken: found(word('NODE', '_ENV')),
  },
  {
    title: 'no cast hides what the compiler knows',
    holdsIn: /^src\//,
    broken: found(word('\\bas ', 'any\\b'), word('\\bas unknown ', 'as\\b'), word('@ts-', '(ignore|nocheck|expect-error)'), word('eslint-', 'disable')),
  },
];

export function houseViolations(files: readonly SourceFile[]): readonly string[] {
  return HOUSE_RULES.flatMap(({ title, holdsIn, broken }) =>
    files.filter((file) => holdsIn.test(file.path) && broken(file)).map(({ path }) => `${path}: ${title}`),
  );
}
