import { importsOf, targetOf, type SourceFile } from './sources.js';

/** What one room may take from another. */
type Reach = 'all' | 'types';
/** Room -> the rooms it may import. */
export type Rooms = ReadonlyMap<string, ReadonlyMap<string, Reach>>;

/** Reads the table of specs/architecture.md: rows `| \`room\` | job | room, room (types) |`. */
export function roomsOf(architecture: string): Rooms {
  const rows = architecture.matchAll(/^\| `([a-z]+)` \|[^|]*\|([^|]*)\|$/gm);
  return new Map([...rows].map(([, room = '', arrows = '']) => [room, arrowsOf(arrows)]));
}

function arrowsOf(cell: string): ReadonlyMap<string, Reach> {
  const names = cell.split(',').map((name) => name.trim()).filter((name) => name !== '');
  return new Map(names.map((name): [string, Reach] => {
    const match = /^([a-z]+)( \(types\))?$/.exec(name);
    if (match?.[1] === undefined) throw new Error(`not an arrow in specs/architecture.md: "${name}"`);
    return [match[1], match[2] === undefined ? 'all' : 'types'];
  }));
}

/** `src/store/…` -> store, `src/app.ts` -> app, `src/main.ts` -> main; undefined outside `src`. */
export function roomOf(path: string): string | undefined {
  return /^src\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(path)?.[1];
}

/** Every import that the table does not allow, and every folder that it does not know. */
export function roomViolations(files: readonly SourceFile[], rooms: Rooms): readonly string[] {
  return files.flatMap((file) => {
    const room = roomOf(file.path);
    if (room === undefined || room === 'main') return [];
    const allowed = rooms.get(room);
    if (allowed === undefined) return [`${file.path} is in a room that the table lacks`];
    return importsOf(file).flatMap(({ specifier, typesOnly }) => {
      const target = targetOf(file.path, specifier);
      if (target === undefined) return [];
      const other = roomOf(target);
      if (other === undefined) return [`${file.path} imports ${specifier} from outside src`];
      if (other === room) return [];
      const reach = allowed.get(other);
      if (reach === 'all' || (reach === 'types' && typesOnly)) return [];
      return [`${file.path} imports ${specifier}: ${room} may not use ${other}${reach === 'types' ? ' but for its types' : ''}`];
    });
  });
}
