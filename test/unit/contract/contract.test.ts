import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadContract } from '../../../src/contract/contract.js';
import { GatewayError } from '../../../src/kernel/errors.js';

describe('the contract', () => {
  let specs: string;

  const write = (path: string, schema: object): void => {
    const file = join(specs, 'schemas', path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, JSON.stringify(schema));
  };

  beforeEach(() => {
    specs = mkdtempSync(join(tmpdir(), 'contract-'));
    write('a/thing.json', { $id: '/a/thing.json', type: 'object', properties: { server: { $ref: '/ids.json' } }, maxProperties: 1 });
    write('ids.json', { $id: '/ids.json', type: 'string', format: 'scaiwave-server-name' });
  });

  afterEach(() => rmSync(specs, { recursive: true }));

  const refusal = (value: unknown): GatewayError => {
    try {
      loadContract(specs).validate('a/thing', value);
    } catch (error) {
      if (error instanceof GatewayError) return error;
      throw error;
    }
    throw new Error('accepted');
  };

  it('gives the value back when it has the shape', () => {
    expect(loadContract(specs).validate('a/thing', { server: 'a.example' })).to.deep.equal({ server: 'a.example' });
  });

  it('names place and rule to the sender, never the value', () => {
    const error = refusal({ server: 'SECRET Value' });
    expect(error.code).to.equal('SW_BAD_SCHEMA');
    expect(error.publicDetail).to.match(/^At \/server: must match format/);
    expect(error.publicDetail).not.to.include('SECRET');
  });

  it('knows which schemas there are', () => {
    const contract = loadContract(specs);
    expect([contract.has('a/thing'), contract.has('a/other')]).to.deep.equal([true, false]);
    expect(() => contract.validate('a/other', {})).to.throw('no schema a/other');
  });

  it('does not load a schema whose id is not its path', () => {
    write('b.json', { $id: '/c.json' });
    expect(() => loadContract(specs)).to.throw('specs/schemas/b.json');
  });

  it('does not load a schema with a reference to nothing, an unknown keyword or an unknown format', () => {
    for (const wrong of [{ $ref: '/none.json' }, { minimun: 1 }, { type: 'string', format: 'fqdn' }]) {
      write('b.json', { $id: '/b.json', ...wrong });
      expect(() => loadContract(specs)).to.throw();
    }
  });
});
