import { expect } from 'chai';
import type { ServerName } from '../../../src/kernel/ids.js';
import { parseServerName } from '../../../src/kernel/ids.js';
import { shareOut, type Piece } from '../../../src/lanes/share-out.js';

const ROOM = { pieces: 100, bytes: 1_000_000, authors: 3, overheadBytes: 1_000 };
const free = (): number => 0;

function queue(length: number, bytes: number, authors: readonly ServerName[] = []): readonly Piece[] {
  return Array.from({ length }, () => ({ bytes, authors }));
}

describe('A batch filled from many rooms', () => {
  it('gives each an equal part', () => {
    expect(shareOut([queue(500, 10), queue(500, 10), queue(500, 10), queue(500, 10)], ROOM, free)).to.deep.equal([25, 25, 25, 25]);
  });

  it('gives what a quiet room leaves to the busy ones', () => {
    expect(shareOut([queue(2, 10), queue(500, 10), queue(500, 10)], ROOM, free)).to.deep.equal([2, 49, 49]);
  });

  it('holds at most so many pieces, whatever the number of rooms', () => {
    const counts = shareOut(Array.from({ length: 300 }, () => queue(5, 10)), ROOM, free);
    expect(counts.reduce((sum, count) => sum + count, 0)).to.equal(100);
  });

  it('is never larger than it may be, and a small room still goes when a large one does not fit', () => {
    expect(shareOut([queue(5, 400_000), queue(5, 100)], ROOM, free)).to.deep.equal([2, 5]);
  });

  it('takes the first piece of all however large it is', () => {
    expect(shareOut([queue(1, 9_000_000), queue(1, 10)], ROOM, free)).to.deep.equal([1, 0]);
  });

  it('counts the keys of an author once', () => {
    const third = parseServerName('c.example');
    const priceOf = (): number => 600_000;
    expect(shareOut([queue(10, 10, [third]), queue(10, 10, [third])], ROOM, priceOf)).to.deep.equal([10, 10]);
    expect(shareOut([queue(1, 10, [third]), queue(1, 10, [parseServerName('d.example')])], ROOM, priceOf)).to.deep.equal([1, 0]);
  });

  it('holds words of so many third servers as it has room for keys', () => {
    const by = (...names: readonly string[]): readonly Piece[] => names.map((name) => ({ bytes: 10, authors: [parseServerName(`${name}.example`)] }));
    expect(shareOut([by('c', 'd', 'c'), by('e', 'f')], ROOM, free)).to.deep.equal([3, 1]);
  });

  it('is empty when nothing is due', () => {
    expect(shareOut([], ROOM, free)).to.deep.equal([]);
    expect(shareOut([[]], ROOM, free)).to.deep.equal([0]);
  });
});
