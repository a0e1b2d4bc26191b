import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { GatewayError } from '../../../src/kernel/errors.js';
import { parseTenantId } from '../../../src/kernel/ids.js';
import { systemRandomness } from '../../../src/kernel/system-ports.js';
import { ensureMasterKeyFile, parseMasterKey, readMasterKeyFile } from '../../../src/store/master-key.js';
import { StartRefusal } from '../../../src/store/start-refusal.js';
import { Vault, type CellIdentity } from '../../../src/store/vault.js';

const TENANT = parseTenantId(randomUUID());
const CELL: CellIdentity = { table: 'bridges', tenantId: TENANT, row: 'brg-1', column: 'sealed_secret' };
const SECRET = Buffer.from('test-only-secret');

async function refusalOf(work: Promise<unknown>): Promise<StartRefusal> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StartRefusal)) throw new Error('no refusal');
  return error;
}

describe('the vault', () => {
  const vault = new Vault([randomBytes(32)], systemRandomness);

  it('opens what it sealed, in the same cell', () => {
    expect(vault.open(CELL, vault.seal(CELL, SECRET))).to.deep.equal(SECRET);
  });

  it('seals the same secret differently every time, and shows nothing of it', () => {
    const [one, two] = [vault.seal(CELL, SECRET), vault.seal(CELL, SECRET)];
    expect(one.equals(two)).to.equal(false);
    expect(one.includes(SECRET)).to.equal(false);
  });

  for (const [part, moved] of [
    ['row', { ...CELL, row: 'brg-2' }],
    ['column', { ...CELL, column: 'sealed_previous' }],
    ['table', { ...CELL, table: 'signing_keys' }],
    ['tenant', { ...CELL, tenantId: parseTenantId(randomUUID()) }],
  ] as const) {
    it(`refuses a blob that was moved to another ${part}`, () => {
      const blob = vault.seal(CELL, SECRET);
      expect(() => vault.open(moved, blob)).to.throw(GatewayError).with.property('code', 'SW_INTERNAL');
    });
  }

  it('does not confuse cells whose parts join to the same text', () => {
    const blob = vault.seal({ ...CELL, row: 'a","b', column: 'c' }, SECRET);
    expect(() => vault.open({ ...CELL, row: 'a', column: 'b","c' }, blob)).to.throw(GatewayError);
  });

  it('refuses a blob with any byte changed, cut or added', () => {
    const blob = vault.seal(CELL, SECRET);
    for (let at = 0; at < blob.length; at += 1) {
      const changed = Buffer.from(blob);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => vault.open(CELL, changed), `byte ${at}`).to.throw(GatewayError);
      expect(() => vault.open(CELL, blob.subarray(0, at)), `cut at ${at}`).to.throw(GatewayError);
    }
    expect(() => vault.open(CELL, Buffer.concat([blob, Buffer.of(0)]))).to.throw(GatewayError);
  });

  it('refuses a blob of another master key, without a word of the secret', () => {
    const other = new Vault([randomBytes(32)], systemRandomness);
    expect(() => other.open(CELL, vault.seal(CELL, SECRET))).to.throw(GatewayError, /another master key/);
  });

  it('opens with an older key that stands behind the current one', () => {
    const [old, current] = [randomBytes(32), randomBytes(32)];
    const blob = new Vault([old], systemRandomness).seal(CELL, SECRET);
    const rotated = new Vault([current, old], systemRandomness);
    expect(rotated.open(CELL, blob)).to.deep.equal(SECRET);
    expect(() => new Vault([old], systemRandomness).open(CELL, rotated.seal(CELL, SECRET))).to.throw(GatewayError);
  });

  it('refuses to start with a master key that is lost or wrong, and says so in a sentence', () => {
    const other = new Vault([randomBytes(32)], systemRandomness);
    vault.verifyCheck(TENANT, vault.sealCheck(TENANT));
    expect(() => other.verifyCheck(TENANT, vault.sealCheck(TENANT))).to.throw(StartRefusal, /The master key is not the one/);
    expect(() => vault.verifyCheck(TENANT, null)).to.throw(StartRefusal);
    expect(() => vault.verifyCheck(parseTenantId(randomUUID()), vault.sealCheck(TENANT))).to.throw(StartRefusal);
  });
});

describe('the master key', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scaiwave-key-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('is 32 bytes in base64url, base64 or hex', () => {
    const key = randomBytes(32);
    for (const encoding of ['base64url', 'base64', 'hex'] as const) {
      expect(parseMasterKey(` ${key.toString(encoding)}\n`, 'test')).to.deep.equal(key);
    }
  });

  for (const [what, text] of [['empty', ''], ['a pass phrase', 'correct horse battery staple'], ['too short', randomBytes(31).toString('base64')], ['too long', randomBytes(33).toString('base64')]] as const) {
    it(`is refused when it is ${what}, without being repeated`, async () => {
      const error = await refusalOf(Promise.resolve().then(() => parseMasterKey(text, 'SCAIWAVE_MASTER_KEY')));
      expect(error.findings[0]).to.have.property('rule', 'master-key');
      if (text !== '') expect(error.message).not.to.include(text);
    });
  }

  it('is made once, readable by its owner only, and the same ever after', async () => {
    const path = join(folder, 'made', 'master.key');
    const keys = await Promise.all([1, 2, 3].map(() => ensureMasterKeyFile(path, systemRandomness)));
    expect(new Set(keys.map((key) => key.toString('hex'))).size).to.equal(1);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(join(folder, 'made'))).to.deep.equal(['master.key']);
    expect(await readMasterKeyFile(path)).to.deep.equal(keys[0]);
  });

  it('is never replaced, even when its file is broken', async () => {
    const path = join(folder, 'broken.key');
    await writeFile(path, 'broken', { mode: 0o600 });
    await refusalOf(ensureMasterKeyFile(path, systemRandomness));
    expect(await readFile(path, 'utf8')).to.equal('broken');
  });

  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    it(`is refused from a file of mode ${mode.toString(8)}`, async () => {
      const path = join(folder, `open-${mode}.key`);
      await writeFile(path, randomBytes(32).toString('base64'));
      await chmod(path, mode);
      expect((await refusalOf(readMasterKeyFile(path))).message).to.match(/must have mode 0600/);
    });
  }

  it('is refused from a file that is not there', async () => {
    expect((await refusalOf(readMasterKeyFile(join(folder, 'none.key')))).message).to.match(/ENOENT/);
  });
});
