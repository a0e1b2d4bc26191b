import { expect } from 'chai';
import { flag, listOf, oneOf, optional, readQuery, textUpTo, whole, withDefault } from '../../../src/http/read.js';
import type { QueryReaders } from '../../../src/http/read.js';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseParticipantId } from '../../../src/kernel/ids.js';

const READERS = {
  limit: withDefault(whole(1, 200), 50),
  from: optional(whole(0, Number.MAX_SAFE_INTEGER)),
  direction: withDefault(oneOf(['back', 'forward']), 'back'),
  q: optional(textUpTo(10)),
  open: withDefault(flag, false),
  ids: withDefault(listOf(parseParticipantId, 2), []),
} satisfies QueryReaders;

describe('query parameters', () => {
  const id = '11111111-1111-4111-8111-111111111111';

  it('have their defaults when absent', () => {
    expect(readQuery(READERS, '/x')).to.deep.equal({ limit: 50, from: null, direction: 'back', q: null, open: false, ids: [] });
  });

  it('are decoded, plus signs as spaces', () => {
    expect(readQuery(READERS, '/x?q=a+b%2Bc&limit=7').q).to.equal('a b+c');
  });

  it('nobody asked for are left alone', () => {
    expect(readQuery(READERS, '/x?color=red&limit=7').limit).to.equal(7);
  });

  it('are read one by one from a list', () => {
    expect(readQuery(READERS, `/x?ids=${id},${id}`).ids).to.have.length(2);
  });

  const refused: readonly (readonly [title: string, query: string])[] = [
    ['a number below its bound', 'limit=0'],
    ['a number beyond its bound', 'limit=201'],
    ['a number with a sign', 'limit=%2B5'],
    ['a number with an exponent', 'limit=1e2'],
    ['a number with a zero before it', 'limit=007'],
    ['a fraction', 'limit=1.5'],
    ['nothing for a number', 'limit='],
    ['a number beyond 2^53', 'from=9007199254740992'],
    ['a word that is not in the list', 'direction=up'],
    ['a word in capitals', 'direction=BACK'],
    ['a flag that is neither true nor false', 'open=1'],
    ['text that is too long', 'q=12345678901'],
    ['text with NUL', 'q=%00'],
    ['text with a line end', 'q=%0a'],
    ['text that is not UTF-8', 'q=%ff'],
    ['half a surrogate pair', 'q=%ed%a0%80'],
    ['a parameter given twice', 'limit=5&limit=5'],
    ['a list that is too long', `ids=${id},${id},${id}`],
    ['a list with something else in it', `ids=${id},x`],
  ];
  for (const [title, query] of refused) {
    it(`refuse ${title}`, () => {
      expect(() => readQuery(READERS, `/x?${query}`)).to.throw(GatewayError).with.property('code', 'SW_BAD_REQUEST');
    });
  }
});
