import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { ERRORS } from '../../src/kernel/errors.js';
import { EVENT_TYPES } from '../../src/kernel/events.js';
import { BRIDGE_RETRY_MS, LIMITS } from '../../src/kernel/limits.js';
import { PARTNER_LIMIT_DEFAULTS, TENANT_LIMIT_DEFAULTS } from '../../src/kernel/tenant-limits.js';
import { ID_FORMATS } from '../../src/contract/id-formats.js';
import { typescriptFiles } from '../support/sources.js';

const ROOT = new URL('../../', import.meta.url);
const filesOf = (folder: string): readonly string[] => readdirSync(new URL(folder, ROOT));

/** The cells of every table row whose first cell is a name in backquotes. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
}

const name = (cell: string | undefined): string => (cell ?? '').replaceAll('`', '');

/** What one list has and the other lacks. */
function differences(written: readonly unknown[], coded: readonly unknown[]): readonly string[] {
  const [left, right] = [written.map((one) => JSON.stringify(one)), coded.map((one) => JSON.stringify(one))];
  const twice = left.filter((one, at) => left.indexOf(one) !== at);
  return [...left.filter((one) => !right.includes(one)).map((one) => `only written: ${one}`), ...right.filter((one) => !left.includes(one)).map((one) => `only in the code: ${one}`), ...twice.map((one) => `written twice: ${one}`)];
}

interface Agreement {
  readonly page: string;
  readonly faults: (text: string) => readonly string[];
  /** Pages that must be found at fault, made of the one that is right. */
  readonly plants: Readonly<Record<string, (text: string) => string>>;
}

const AGREEMENTS: Readonly<Record<string, Agreement>> = {
  'errors.md has every code with its status and whether it is final, and no other': {
    page: 'specs/protocol/errors.md',
    faults: (text) => {
      const coded = Object.entries(ERRORS).map(([code, { status, retryable }]) => [code, status, retryable ? 'retryable' : 'final']);
      return differences(rows(text).map(([code, status, again]) => [name(code), Number(status), again]), coded);
    },
    plants: {
      'a code that is missing': (text) => text.replace(/^\| `SW_NOT_FOUND`.*\n/m, ''),
      'a code too many': (text) => text.replace(/^(\| `SW_NOT_)FOUND(`.*)$/m, '$&\n$1THERE$2'),
      'another status': (text) => text.replace('| `SW_NOT_FOUND` | 404', '| `SW_NOT_FOUND` | 410'),
      'a final one called retryable': (text) => text.replace('| `SW_NOT_FOUND` | 404 | final', '| `SW_NOT_FOUND` | 404 | retryable'),
      'a code written twice': (text) => text.replace(/^\| `SW_NOT_FOUND`.*$/m, '$&\n$&'),
    },
  },
  'errors.md says of every code when it is given and what to do': {
    page: 'specs/protocol/errors.md',
    faults: (text) => rows(text).filter(([, , , when = '', what = '']) => !/^.{5,}\.$/.test(when) || !/^.{5,}\.$/.test(what)).map(([code = '']) => code),
    plants: {
      'no word of when': (text) => text.replace('| No such path. |', '|  |'),
      'no word of what to do': (text) => text.replace(/(No such path\. \|).*$/m, '$1  |'),
    },
  },
  'limits.md has every limit with its value, and no other': {
    page: 'specs/protocol/limits.md',
    faults: (text) => {
      const coded = Object.entries({ ...TENANT_LIMIT_DEFAULTS, ...PARTNER_LIMIT_DEFAULTS, ...LIMITS }).map(([limit, value]) => [limit, String(value)]);
      const steps = BRIDGE_RETRY_MS.join(', ');
      return [...differences(rows(text).map(([limit, value]) => [name(limit), value]), coded), ...(text.includes(steps) ? [] : [`not written: ${steps}`])];
    },
    plants: {
      'a limit that is missing': (text) => text.replace(/^\| `max_rooms`.*\n/m, ''),
      'a limit too many': (text) => text.replace(/^\| `max_rooms`(.*)$/m, '$&\n| `max_doors`$1'),
      'another value': (text) => text.replace('| `max_rooms` | 500', '| `max_rooms` | 501'),
      'another wait of a bridge': (text) => text.replace(BRIDGE_RETRY_MS.join(', '), BRIDGE_RETRY_MS.slice(1).join(', ')),
    },
  },
  'limits.md says what each limit bounds': {
    page: 'specs/protocol/limits.md',
    faults: (text) => rows(text).filter(([, , bounds = '']) => bounds.length < 5).map(([limit = '']) => limit),
    plants: { 'no word of it': (text) => text.replace(/^(\| `max_rooms` \| 500 \|).*$/m, '$1  |') },
  },
  'federation.md describes every event type': {
    page: 'specs/protocol/federation.md',
    faults: (text) => differences(rows(text).map(([type]) => name(type)).filter((type) => type.startsWith('swp.')), Object.values(EVENT_TYPES)),
    plants: {
      'a type that is missing': (text) => text.replace(/^\| `swp\.room\.topic`.*\n/m, ''),
      'a type too many': (text) => text.replace(/^(\| `swp\.room\.topic)(`.*)$/m, '$&\n$1s$2'),
    },
  },
  'identifiers.md names every format word of the schemas': {
    page: 'specs/protocol/identifiers.md',
    faults: (text) => differences([...new Set(text.match(/`scaiwave-[a-z-]+`/g)?.map(name))], Object.keys(ID_FORMATS)),
    plants: {
      'a word that is missing': (text) => text.replaceAll(`\`${Object.keys(ID_FORMATS)[0]}\``, ''),
      'a word too many': (text) => `${text}\n\`scaiwave-planted\`\n`,
    },
  },
  'fixtures/README.md names every file of vectors, and no other': {
    page: 'fixtures/README.md',
    faults: (text) => differences([...new Set([...text.matchAll(/`([a-z-]+\.json)`/g)].map((match) => match[1]))], filesOf('fixtures').filter((file) => file.endsWith('.json'))),
    plants: {
      'a file that is missing': (text) => text.replaceAll('`event.json`', ''),
      'a file too many': (text) => `${text}\n\`planted.json\`\n`,
    },
  },
};

describe('the pages and the code say the same', () => {
  for (const [title, { page, faults, plants }] of Object.entries(AGREEMENTS)) {
    const text = readFileSync(new URL(page, ROOT), 'utf8');
    it(title, () => {
      expect(faults(text)).to.deep.equal([]);
    });
    for (const [what, plant] of Object.entries(plants)) {
      it(`${page}: red on ${what}`, () => {
        expect(plant(text)).not.to.equal(text);
        expect(faults(plant(text))).not.to.be.empty;
      });
    }
  }

  it('limits.md promises nothing that nobody keeps: the code obeys each limit, or a schema does', () => {
    const obeyed = [...typescriptFiles('src'), ...typescriptFiles('test/conformance')].map(({ text }) => text).join('\n');
    const forgotten = (limits: readonly string[]): readonly string[] => limits.filter((limit) => !obeyed.includes(`LIMITS.${limit}`) && !obeyed.includes(`'${limit}'`));
    expect(forgotten(Object.keys(LIMITS))).to.deep.equal([]);
    expect(forgotten([`planted${'Max'}`])).to.have.length(1);
  });

  it('each file of vectors is loaded by a suite', () => {
    const loading = [...typescriptFiles('test/conformance'), ...typescriptFiles('test/support/fixtures.ts')].map(({ text }) => text).join('\n');
    const loaded = new Set([...loading.matchAll(/\b(?:fixture|casesOf)(?:<[^()]*>)?\('([a-z-]+)'\)/g)].map((match) => `${match[1]}.json`));
    const unread = (files: readonly string[]): readonly string[] => files.filter((file) => file.endsWith('.json') && !loaded.has(file));
    expect(unread(filesOf('fixtures'))).to.deep.equal([]);
    expect(unread([...filesOf('fixtures'), `${'planted'}.json`])).to.deep.equal(['planted.json']);
  });

  it('each event type has a schema for its content', () => {
    const schemas = filesOf('specs/schemas/federation/content').map((file) => file.replace(/\.json$/, ''));
    expect(differences(schemas, Object.values(EVENT_TYPES))).to.deep.equal([]);
    expect(differences(schemas.slice(1), Object.values(EVENT_TYPES))).to.have.length(1);
  });
});

/** Bounds that a schema has to repeat: file, pointer, limit. */
const SCHEMA_BOUNDS: readonly (readonly [string, string, keyof typeof LIMITS])[] = [
  ['federation/send-batch', '/properties/items/maxItems', 'batchItemsMax'],
  ['federation/send-answer', '/properties/data/properties/results/maxItems', 'batchItemsMax'],
  ['federation/run', '/properties/entries/maxItems', 'backfillMax'],
  ['federation/descriptor-payload', '/properties/keys/maxItems', 'keysPerServerMax'],
  ['federation/content/swp.room.name', '/properties/name/maxLength', 'nameCharsMax'],
  ['federation/content/swp.room.topic', '/properties/topic/maxLength', 'topicCharsMax'],
  ['federation/content/swp.room.member', '/properties/reason/maxLength', 'reasonCharsMax'],
  ['federation/content/swp.room.member', '/properties/display_name/maxLength', 'displayNameCharsMax'],
  ['federation/content/swp.room.redaction', '/properties/reason/maxLength', 'reasonCharsMax'],
  ['federation/content/swp.room.reaction', '/properties/emoji/maxLength', 'emojiCharsMax'],
  ['federation/content/swp.room.reaction.remove', '/properties/emoji/maxLength', 'emojiCharsMax'],
  ['federation/profile', '/properties/data/properties/display_name/maxLength', 'displayNameCharsMax'],
  ['bridge/message', '/$defs/id/maxLength', 'foreignIdCharsMax'],
  ['bridge/message', '/$defs/text/properties/body/maxLength', 'bridgeTextCharsMax'],
  ['bridge/message', '/$defs/reaction/properties/emoji/maxLength', 'emojiCharsMax'],
  ['bridge/message', '/properties/sender/properties/display_name/maxLength', 'displayNameCharsMax'],
  ['ids', '/$defs/via/maxItems', 'bridgeViaHopsMax'],
];

describe('the schemas and the limits say the same', () => {
  for (const [file, pointer, limit] of SCHEMA_BOUNDS) {
    const text = readFileSync(new URL(`specs/schemas/${file}.json`, ROOT), 'utf8');
    it(`${file} ${pointer} is ${limit}`, () => {
      expect(boundAt(text, pointer)).to.equal(LIMITS[limit]);
    });
    it(`${file} ${pointer}: red on another number, and on none`, () => {
      const keyword = pointer.split('/').at(-1) ?? '';
      expect(boundAt(text.replaceAll(`"${keyword}": ${LIMITS[limit]}`, `"${keyword}": ${LIMITS[limit] + 1}`), pointer)).not.to.equal(LIMITS[limit]);
      expect(boundAt(text.replaceAll(`"${keyword}"`, '"title"'), pointer)).to.equal(undefined);
    });
  }
});

/** The value in a schema at a JSON pointer. */
function boundAt(text: string, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((at, step) => (typeof at === 'object' && at !== null ? Reflect.get(at, step) : undefined), JSON.parse(text));
}
