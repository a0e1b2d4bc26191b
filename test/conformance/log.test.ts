import { expect } from 'chai';
import { parseLogName } from '../../src/kernel/ids.js';
import { foldRun, hashText, parseHash } from '../../src/protocol/chain.js';
import { readEvent } from '../../src/protocol/event.js';
import { readHead } from '../../src/protocol/head.js';
import { readJws, verifyJws, type JwsType, type ReadJws } from '../../src/protocol/jws.js';
import { admitPublicKey } from '../../src/protocol/keys.js';
import { readReceipt } from '../../src/protocol/receipt.js';
import { readRun, type WireRun } from '../../src/protocol/run.js';
import { keyTimeMs, readStart, stateDigest } from '../../src/protocol/start.js';
import { contract, fixture, outcome, testKey, type Vector } from '../support/fixtures.js';

interface JwsCase extends Vector {
  readonly jws: string;
  readonly typ: JwsType;
  readonly key?: string;
  readonly event_hash?: string;
  readonly expect: string;
}

interface ChainCase extends Vector {
  readonly room: string;
  readonly first_seq: number;
  readonly prev_hash: string;
  readonly prev_at?: number;
  readonly links: readonly { seq: number; at: number; event_hash: string }[];
  readonly hashes?: readonly string[];
  readonly expect: string;
}

interface RunCase extends Vector {
  readonly run: WireRun;
  readonly forms?: readonly string[];
  readonly expect: string;
}

interface StartCase extends Vector {
  readonly start: string;
  readonly state: readonly string[];
  readonly key?: string;
  readonly state_sha256?: string;
  readonly keys_at?: readonly number[];
  readonly expect: string;
}

const casesOf = <T>(name: string): T[] => fixture<{ cases: T[] }>(name).cases;
const verbOf = (vector: { expect: string }): string => (vector.expect === 'ok' ? 'accepts' : 'refuses');
const holds = (jws: ReadJws, key: string): Promise<boolean> => verifyJws(jws, admitPublicKey(testKey(key).publicKey));

/** What reading gives; of what reads well and has a key in its vector, whether that key signed it. */
async function verdict({ key }: { readonly key?: string }, read: () => { readonly jws: ReadJws }): Promise<string> {
  const form = await outcome(read);
  return form === 'ok' && key !== undefined && !(await holds(read().jws, key)) ? 'unverified' : form;
}

describe('JWS form (fixtures/jws.json)', () => {
  for (const vector of casesOf<JwsCase>('jws')) {
    it(`${verbOf(vector)} ${vector.why}`, async () => {
      expect(await verdict(vector, () => ({ jws: readJws(vector.jws, vector.typ) }))).to.equal(vector.expect);
    });
  }
});

describe('events (fixtures/event.json)', () => {
  for (const vector of casesOf<JwsCase>('event')) {
    it(`${verbOf(vector)} ${vector.why}`, async () => {
      expect(await outcome(() => readEvent(contract, vector.jws))).to.equal(vector.expect);
      if (vector.expect === 'ok') expect(hashText(readEvent(contract, vector.jws).eventHash)).to.equal(vector.event_hash);
    });
  }
});

describe('the chain (fixtures/chain.json)', () => {
  for (const vector of casesOf<ChainCase>('chain')) {
    it(`${verbOf(vector)} ${vector.why}`, async () => {
      const links = vector.links.map(({ seq, at, event_hash }) => ({ seq, at, eventHash: parseHash(event_hash) }));
      const start = {
        room: parseLogName(vector.room),
        firstSeq: vector.first_seq,
        prevHash: parseHash(vector.prev_hash),
        ...(vector.prev_at === undefined ? {} : { prevAt: vector.prev_at }),
      };
      expect(await outcome(() => foldRun(start, links))).to.equal(vector.expect);
      if (vector.expect === 'ok') expect(foldRun(start, links).hashes.map(hashText)).to.deep.equal(vector.hashes);
    });
  }
});

describe('runs (fixtures/run.json)', () => {
  for (const vector of casesOf<RunCase>('run')) {
    it(`${verbOf(vector)} ${vector.why}`, async () => {
      expect(await outcome(() => readRun(contract, vector.run))).to.equal(vector.expect);
      if (vector.expect !== 'ok') return;
      const run = readRun(contract, vector.run);
      expect(run.entries.map(({ form }) => form)).to.deep.equal(vector.forms);
      expect(await holds(run.head.jws, 'home')).to.equal(true);
    });
  }
});

describe('heads (fixtures/head.json)', () => {
  for (const vector of casesOf<JwsCase>('head')) {
    it(`${verbOf(vector)} ${vector.why}`, async () => {
      expect(await verdict(vector, () => readHead(contract, vector.jws))).to.equal(vector.expect);
    });
  }
});

describe('receipts (fixtures/receipt.json)', () => {
  for (const vector of casesOf<JwsCase>('receipt')) {
    it(`${verbOf(vector)} ${vector.why}`, async () => {
      expect(await verdict(vector, () => readReceipt(contract, vector.jws))).to.equal(vector.expect);
    });
  }
});

describe('starts (fixtures/start.json)', () => {
  for (const vector of casesOf<StartCase>('start')) {
    it(`${verbOf(vector)} ${vector.why}`, async () => {
      expect(await verdict(vector, () => readStart(contract, vector.start, vector.state))).to.equal(vector.expect);
      if (vector.expect !== 'ok') return;
      const start = readStart(contract, vector.start, vector.state);
      expect(stateDigest(start.room, vector.state)).to.equal(vector.state_sha256);
      expect(start.state.map((read) => keyTimeMs(start, read))).to.deep.equal(vector.keys_at);
    });
  }
});
