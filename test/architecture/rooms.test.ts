import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { roomOf, roomsOf, roomViolations } from '../support/rooms.js';
import { ROOT, typescriptFiles } from '../support/sources.js';

describe('the rooms of the house', () => {
  const rooms = roomsOf(readFileSync(join(ROOT, 'specs/architecture.md'), 'utf8'));
  const files = typescriptFiles('src');

  it('import along the arrows of specs/architecture.md only', () => {
    expect(roomViolations(files, rooms)).to.deep.equal([]);
  });

  it('are all there', () => {
    const present = new Set(files.map(({ path }) => roomOf(path)));
    expect([...rooms.keys()].filter((room) => !present.has(room)), 'rows without a folder').to.deep.equal([]);
  });

  it('name only rooms of the table as targets', () => {
    const named = [...rooms.values()].flatMap((arrows) => [...arrows.keys()]);
    expect(named.filter((room) => !rooms.has(room))).to.deep.equal([]);
  });

  it('never import each other in a circle', () => {
    const circles = [...rooms].flatMap(([room, arrows]) => [...arrows.keys()].filter((other) => rooms.get(other)?.has(room)).map((other) => `${room} and ${other}`));
    expect(circles).to.deep.equal([]);
  });

  describe('planted violations', () => {
    const plants: readonly (readonly [title: string, path: string, text: string])[] = [
      ['an upward import', 'src/kernel/planted.ts', "import { flow } from '../flows/flow.js';"],
      ['an upward import of a type', 'src/kernel/planted.ts', "import type { Flow } from '../flows/flow.js';"],
      ['an upward export', 'src/protocol/planted.ts', "export { store } from '../store/store.js';"],
      ['an upward import type', 'src/protocol/planted.ts', "export type S = import('../store/store.js').Store;"],
      ['an upward dynamic import', 'src/store/planted.ts', "export const f = import('../http/server.js');"],
      ['a value over an arrow for types', 'src/admit/planted.ts', "import { verify } from '../verify/verify.js';"],
      ['a type among values over an arrow for types', 'src/admit/planted.ts', "import { type V, verify } from '../verify/verify.js';"],
      ['a folder that the table lacks', 'src/utilities/planted.ts', ''],
      ['the application from a room', 'src/http/planted.ts', "import { startNode } from '../app.js';"],
      ['the command from the application', 'src/app.ts', "import { scaiwave } from './cli/scaiwave.js';"],
      ['something outside src', 'src/store/planted.ts', "import { it } from '../../test/support/builders.js';"],
    ];
    for (const [title, path, text] of plants) {
      it(`turn red: ${title}`, () => {
        expect(roomViolations([{ path, text }], rooms)).to.have.length(1);
      });
    }

    it('stay green for a type over an arrow for types', () => {
      const text = "import type { V } from '../verify/verify.js'; import { id } from '../kernel/ids.js'; import knex from 'knex';";
      expect(roomViolations([{ path: 'src/admit/planted.ts', text }], rooms)).to.deep.equal([]);
    });

    it('stay green for main.ts, which starts everything', () => {
      expect(roomViolations([{ path: 'src/main.ts', text: "import './app.js'; import './cli/scaiwave.js';" }], rooms)).to.deep.equal([]);
    });
  });
});
