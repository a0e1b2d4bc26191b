import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { AUDIT_ACTS } from '../../src/kernel/audit-acts.js';
import { AuditWalk, auditHash, type AuditPlace, type AuditRecord } from '../../src/protocol/audit.js';
import { fixture, type Vector } from '../support/fixtures.js';
import { projectFiles } from '../support/sources.js';

interface AuditCase extends Vector {
  readonly parts: 'every row' | 'some rows';
  readonly records: readonly AuditRecord[];
  readonly expect: 'ok' | 'refused';
  readonly rows?: number;
  readonly head?: AuditPlace;
  readonly bad_seq?: number;
}

describe('the audit (fixtures/audit.json)', () => {
  for (const vector of fixture<{ cases: AuditCase[] }>('audit').cases) {
    it(`${vector.expect === 'ok' ? 'accepts' : 'refuses'} ${vector.why}`, () => {
      const walk = new AuditWalk(vector.parts);
      const bad = vector.records.find((record) => walk.take(record) !== undefined);
      expect(bad?.seq).to.equal(vector.bad_seq);
      if (vector.expect === 'ok') expect({ rows: walk.rows, head: walk.head }).to.deep.equal({ rows: vector.rows, head: vector.head });
    });
  }

  it('has no member that the hash does not cover', () => {
    const [record] = fixture<{ cases: AuditCase[] }>('audit').cases[1]?.records ?? [];
    if (record === undefined) throw new Error('a record');
    const { hash: _own, ...said } = record;
    for (const name of Object.keys(said)) expect(auditHash({ ...record, [name]: 'changed' }), name).not.to.equal(record.hash);
  });
});

describe('the acts', () => {
  const page = readFileSync('specs/protocol/audit.md', 'utf8');
  const written = [...page.matchAll(/^\| `([a-z_]+\.[a-z_]+)` \|(.*)\|(.*)\|$/gm)];

  it('of audit.md are those of the code, and no other', () => {
    expect(written.map(([, act]) => act)).to.have.members([...AUDIT_ACTS]);
    expect(new Set(AUDIT_ACTS).size).to.equal(AUDIT_ACTS.length);
  });

  it('are each written down somewhere', () => {
    const text = projectFiles('src').filter(({ path }) => path !== 'src/kernel/audit-acts.ts').map((file) => file.text).join('');
    expect(AUDIT_ACTS.filter((act) => !text.includes(`'${act}'`))).to.deep.equal([]);
  });

  it('say in audit.md what was acted upon and what the detail holds', () => {
    for (const [, act, target, detail] of written) for (const cell of [target, detail]) expect(cell?.trim(), act).to.match(/^.{3,}$/);
  });
});
