import { expect } from 'chai';
import type { Admin } from '../../../src/app/admin.js';
import type { RunningNode } from '../../../src/app/node.js';
import type { IdentitySync } from '../../../src/app/sync.js';
import type { Application } from '../../../src/cli/application.js';
import { scaiwave } from '../../../src/cli/scaiwave.js';
import type { StopSignal, Terminal } from '../../../src/cli/terminal.js';
import { loadConfig } from '../../../src/config/config.js';
import { GatewayError } from '../../../src/kernel/errors.js';

/** A terminal that remembers, with a clock and signals in the hands of the test. */
class RecordedTerminal implements Terminal {
  readonly lines: string[] = [];
  readonly complaints: string[] = [];
  readonly exits: number[] = [];
  nowMs = 0;
  private listener: (signal: StopSignal) => void = () => expect.fail('nobody listens to signals');
  private late: () => void = () => expect.fail('no deadline is set');

  readonly clock = { monotonicMs: () => this.nowMs };
  readonly timers = {
    after: (_delayMs: number, run: () => void) => {
      this.late = run;
      return { cancel: () => undefined };
    },
  };

  out(line: string): void {
    this.lines.push(line);
  }

  err(line: string): void {
    this.complaints.push(line);
  }

  onSignal(listener: (signal: StopSignal) => void): void {
    this.listener = listener;
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  signal(signal: StopSignal): void {
    this.listener(signal);
  }

  deadlinePasses(): void {
    this.late();
  }
}

const refuse = (): Promise<never> => Promise.reject(new Error('not asked for here'));
const nothing: Application = { startNode: refuse, openAdmin: refuse, openSync: refuse, checkAuditExport: refuse, migrate: refuse };
/** An operator who can do nothing. */
const nobody: Admin = {
  createTenant: refuse, listTenants: refuse, suspendTenant: refuse, resumeTenant: refuse, setLimit: refuse, createPartner: refuse, listPartners: refuse,
  generateFederationKey: refuse, rotateFederationKey: refuse, checkAudits: refuse, close: () => Promise.resolve(),
};
const KEY = { keyId: 'k1', publicKey: 'test-public-key', validUntilMs: 0 };

function run(app: Partial<Application>, terminal: Terminal, ...words: string[]): Promise<number> {
  return scaiwave({ ...nothing, ...app }, words, terminal, () => loadConfig({}));
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !holds(); turn += 1) await new Promise(setImmediate);
  expect(holds()).to.equal(true);
}

describe('scaiwave serve', () => {
  function node(overrides: Partial<RunningNode> = {}): RunningNode {
    return { url: 'http://127.0.0.1:1', welcome: ['server name localhost'], stop: () => Promise.resolve(), ...overrides };
  }

  it('says where it answers, then what the node has to say', async () => {
    const terminal = new RecordedTerminal();
    const done = run({ startNode: () => Promise.resolve(node()) }, terminal, 'serve');
    await eventually(() => terminal.lines.length > 0);
    expect(terminal.lines).to.deep.equal(['ScaiWave Gateway is ready at http://127.0.0.1:1\nserver name localhost']);
    terminal.signal('SIGTERM');
    expect(await done).to.equal(0);
  });

  it('stops once, in order, and exits with 0', async () => {
    const terminal = new RecordedTerminal();
    let stops = 0;
    const done = run({ startNode: () => Promise.resolve(node({ stop: async () => void (stops += 1) })) }, terminal, 'serve');
    await eventually(() => terminal.lines.length > 0);
    terminal.signal('SIGINT');
    expect(await done).to.equal(0);
    expect(stops).to.equal(1);
    expect(terminal.exits).to.deep.equal([]);
  });

  it('obeys a signal that came during the start, after the start', async () => {
    const terminal = new RecordedTerminal();
    let started: (node: RunningNode) => void = () => undefined;
    let stopped = false;
    const done = run({ startNode: () => new Promise((resolve) => (started = resolve)) }, terminal, 'serve');
    await new Promise(setImmediate);
    terminal.signal('SIGTERM');
    started(node({ stop: async () => void (stopped = true) }));
    expect(await done).to.equal(0);
    expect(stopped).to.equal(true);
  });

  it('leaves at once on a second signal', async () => {
    const terminal = new RecordedTerminal();
    let finish: () => void = () => undefined;
    const done = run({ startNode: () => Promise.resolve(node({ stop: () => new Promise((resolve) => (finish = resolve)) })) }, terminal, 'serve');
    await eventually(() => terminal.lines.length > 0);
    terminal.signal('SIGINT');
    terminal.nowMs = 2_000;
    terminal.signal('SIGINT');
    terminal.signal('SIGTERM');
    expect(terminal.exits).to.deep.equal([130, 143]);
    await eventually(() => terminal.lines.some((line) => line.includes('finishing what was begun')));
    finish();
    await done;
  });

  it('takes the copy of a Ctrl-C that npm passes on for the same wish', async () => {
    const terminal = new RecordedTerminal();
    const done = run({ startNode: () => Promise.resolve(node()) }, terminal, 'serve');
    await eventually(() => terminal.lines.length > 0);
    terminal.signal('SIGINT');
    terminal.nowMs = 100;
    terminal.signal('SIGINT');
    expect(await done).to.equal(0);
    expect(terminal.exits).to.deep.equal([]);
  });

  it('leaves with 1 when stopping takes too long', async () => {
    const terminal = new RecordedTerminal();
    let finish: () => void = () => undefined;
    const done = run({ startNode: () => Promise.resolve(node({ stop: () => new Promise((resolve) => (finish = resolve)) })) }, terminal, 'serve');
    await eventually(() => terminal.lines.length > 0);
    terminal.signal('SIGTERM');
    await eventually(() => terminal.lines.some((line) => line.includes('finishing what was begun')));
    terminal.deadlinePasses();
    expect(terminal.exits).to.deep.equal([1]);
    finish();
    await done;
  });

  it('says that the port is taken, without a stack', async () => {
    const terminal = new RecordedTerminal();
    const taken = Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1:8080'), { code: 'EADDRINUSE' });
    expect(await run({ startNode: () => Promise.reject(taken) }, terminal, 'serve')).to.equal(1);
    expect(terminal.complaints.join()).to.contain('The port is taken').and.contain('127.0.0.1:8080').and.not.contain('\n');
  });

  it('names the code of a refusal', async () => {
    const terminal = new RecordedTerminal();
    const refusal = new GatewayError('SW_UNAVAILABLE', 'the data folder is in use');
    expect(await run({ startNode: () => Promise.reject(refusal) }, terminal, 'serve')).to.equal(1);
    expect(terminal.complaints).to.deep.equal(['SW_UNAVAILABLE: the data folder is in use']);
  });

  it('refuses a faulty configuration before anything starts', async () => {
    const terminal = new RecordedTerminal();
    const code = await scaiwave(nothing, ['serve'], terminal, () => loadConfig({ SCAIWAVE_PORT: 'x' }));
    expect(code).to.equal(1);
    expect(terminal.complaints.join()).to.contain('SCAIWAVE_PORT must be');
  });
});

describe('scaiwave', () => {
  for (const words of [['srve'], ['admin', 'federation', 'key', 'burn'], ['admin', 'create-tenant', '--slug', 'a'], ['serve', '--prot', '1'], ['serve', 'now']]) {
    it(`refuses "${words.join(' ')}" with a sentence`, async () => {
      const terminal = new RecordedTerminal();
      expect(await run({}, terminal, ...words)).to.equal(1);
      expect(terminal.complaints.join()).to.match(/^error: /);
    });
  }

  it('explains itself', async () => {
    const terminal = new RecordedTerminal();
    expect(await run({}, terminal, '--help')).to.equal(0);
    for (const word of ['serve', 'migrate', 'admin', 'show-config']) expect(terminal.lines.join()).to.contain(word);
  });

  it('shows the configuration', async () => {
    const terminal = new RecordedTerminal();
    expect(await run({}, terminal, 'show-config')).to.equal(0);
    expect(terminal.lines.join()).to.contain('SCAIWAVE_HOST=127.0.0.1');
  });

  it('lists what a migration applied', async () => {
    const terminal = new RecordedTerminal();
    expect(await run({ migrate: () => Promise.resolve(['0001-foundation']) }, terminal, 'migrate')).to.equal(0);
    expect(await run({ migrate: () => Promise.resolve([]) }, terminal, 'migrate')).to.equal(0);
    expect(terminal.lines).to.deep.equal(['applied 0001-foundation', 'Nothing to do.']);
  });
});

describe('scaiwave admin', () => {
  function opened(calls: string[], overrides: Partial<Admin> = {}): Partial<Application> {
    const admin: Admin = {
      ...nobody,
      createTenant: (tenant) => (calls.push(`create ${JSON.stringify(tenant)}`), Promise.resolve({ tenantId: 't1', key: KEY })),
      listTenants: () => Promise.resolve([{ slug: 'a', name: 'Alpha', serverName: 'a.example', partnerId: 'prt_1', status: 'suspended', uses: { participants: { used: 2, limit: 100 }, ai_tokens: { used: null, limit: null } } }]),
      suspendTenant: async (slug) => void calls.push(`suspend ${slug}`),
      resumeTenant: async (slug) => void calls.push(`resume ${slug}`),
      setLimit: async (slug, limit, value) => (calls.push(`limit ${slug} ${limit} ${value}`), value),
      createPartner: async (partner) => void calls.push(`partner ${JSON.stringify(partner)}`),
      listPartners: () => Promise.resolve([{ partnerId: 'prt_1', name: 'One', status: 'active', tenants: { used: 3, limit: 100 } }]),
      generateFederationKey: (slug) => (calls.push(`generate ${slug}`), Promise.resolve(KEY)),
      rotateFederationKey: (slug) => (calls.push(`rotate ${slug}`), Promise.resolve(KEY)),
      checkAudits: refuse,
      close: () => (calls.push('close'), Promise.resolve()),
      ...overrides,
    };
    return { openAdmin: () => Promise.resolve(admin) };
  }

  it('creates a tenant and shows its key', async () => {
    const terminal = new RecordedTerminal();
    const calls: string[] = [];
    const words = ['--slug', 'a', '--name', 'Alpha', '--scaikey-tenant-id', 'sk-1', '--server-name', 'a.example'];
    expect(await run(opened(calls), terminal, 'admin', 'create-tenant', ...words)).to.equal(0);
    expect(calls).to.deep.equal(['create {"slug":"a","name":"Alpha","scaikeyTenantId":"sk-1","serverName":"a.example"}', 'close']);
    expect(terminal.lines).to.deep.equal(['tenant t1', 'key k1 test-public-key valid until 1970-01-01T00:00:00.000Z']);
  });

  it('lists tenants as a table and as JSON', async () => {
    const terminal = new RecordedTerminal();
    await run(opened([]), terminal, 'admin', 'list-tenants');
    await run(opened([]), terminal, 'admin', 'list-tenants', '--json');
    expect(terminal.lines[0]?.split('\n').map((line) => line.split(/ {2,}/))).to.deep.equal([
      ['SLUG', 'NAME', 'SERVER NAME', 'PARTNER', 'STATUS', 'MEMBERS', 'AI TOKENS MTD'],
      ['a', 'Alpha', 'a.example', 'prt_1', 'suspended', '2/100', '-/-'],
    ]);
    expect(JSON.parse(terminal.lines[1] ?? '')).to.have.length(1);
  });

  it('suspends, resumes and limits the tenant that is named', async () => {
    const calls: string[] = [];
    for (const words of [['suspend-tenant'], ['resume-tenant'], ['set-limit', 'max_rooms', '7'], ['set-limit', 'max_rooms', 'default']]) {
      expect(await run(opened(calls), new RecordedTerminal(), 'admin', ...words, '--tenant', 'a')).to.equal(0);
    }
    expect(calls.filter((call) => call !== 'close')).to.deep.equal(['suspend a', 'resume a', 'limit a max_rooms 7', 'limit a max_rooms null']);
  });

  for (const [value, inForce, line] of [['7', 7, 'is 7'], ['default', 500, 'is 500'], ['default', null, 'is none'], ['7', 2, 'is 2, as a flag of the tenant says in its place']] as const) {
    it(`says of ${value} that the limit ${line}`, async () => {
      const terminal = new RecordedTerminal();
      await run(opened([], { setLimit: async () => inForce }), terminal, 'admin', 'set-limit', 'max_sidekicks', value, '--tenant', 'a');
      expect(terminal.lines).to.deep.equal([`max_sidekicks of a ${line}`]);
    });
  }

  for (const value of ['-1', 'many', '1.5', '']) {
    it(`takes "${value}" for no limit`, async () => {
      const calls: string[] = [];
      expect(await run(opened(calls), new RecordedTerminal(), 'admin', 'set-limit', '--tenant', 'a', 'max_rooms', value)).to.equal(1);
      expect(calls.filter((call) => call !== 'close')).to.deep.equal([]);
    });
  }

  it('makes a partner and lists partners', async () => {
    const [calls, terminal]: [string[], RecordedTerminal] = [[], new RecordedTerminal()];
    await run(opened(calls), new RecordedTerminal(), 'admin', 'create-partner', '--partner-id', 'prt_1', '--name', 'One', '--max-tenants', 'none');
    expect(calls[0]).to.equal('partner {"partnerId":"prt_1","name":"One","maxTenants":null}');
    await run(opened([]), terminal, 'admin', 'list-partners');
    expect(terminal.lines[0]?.split('\n').map((line) => line.split(/ {2,}/))).to.deep.equal([['PARTNER', 'NAME', 'STATUS', 'TENANTS'], ['prt_1', 'One', 'active', '3/100']]);
  });

  it('generates and rotates the key of the tenant that is named', async () => {
    const calls: string[] = [];
    await run(opened(calls), new RecordedTerminal(), 'admin', 'federation', 'key', 'generate', '--tenant', 'a');
    await run(opened(calls), new RecordedTerminal(), 'admin', 'federation', 'key', 'rotate', '--tenant', 'a');
    expect(calls).to.deep.equal(['generate a', 'close', 'rotate a', 'close']);
  });

  it('leaves the choice of server name and tenant to the application', async () => {
    const calls: string[] = [];
    await run(opened(calls), new RecordedTerminal(), 'admin', 'create-tenant', '--slug', 'a', '--name', 'A', '--scaikey-tenant-id', 's');
    await run(opened(calls), new RecordedTerminal(), 'admin', 'federation', 'key', 'rotate');
    expect(calls).to.deep.equal(['create {"slug":"a","name":"A","scaikeyTenantId":"s"}', 'close', 'rotate undefined', 'close']);
  });

  it('closes what it opened when it is refused', async () => {
    const calls: string[] = [];
    const terminal = new RecordedTerminal();
    const taken = { createTenant: () => Promise.reject(new GatewayError('SW_TENANT_NAME_TAKEN', 'slug a')) };
    const words = ['--slug', 'a', '--name', 'A', '--scaikey-tenant-id', 's', '--server-name', 'a.example'];
    expect(await run(opened(calls, taken), terminal, 'admin', 'create-tenant', ...words)).to.equal(1);
    expect(calls).to.deep.equal(['close']);
    expect(terminal.complaints).to.deep.equal(['SW_TENANT_NAME_TAKEN: slug a']);
  });
});

describe('scaiwave sync', () => {
  function opened(calls: string[], overrides: Partial<IdentitySync> = {}): Partial<Application> {
    const sync: IdentitySync = {
      run: (tell) => (tell({ act: 'tenant.created', tenant: 'acme', resource: 'tnt_acme' }), Promise.resolve([])),
      status: () => Promise.resolve([{ tenant: 'acme', part: 'people', lastOkMs: 0, lastChanges: 2, isUnderWay: false, failingSinceMs: 1_000, lastError: 'SW_SCAIKEY_UNREACHABLE' }]),
      register: () => Promise.resolve({ url: 'https://node.example/v1/webhooks/scaikey', outcome: 'registered', lacking: [] }),
      close: () => (calls.push('close'), Promise.resolve()),
      ...overrides,
    };
    return { openSync: () => Promise.resolve(sync) };
  }

  it('prints each change and how many there were, and closes', async () => {
    const [terminal, calls] = [new RecordedTerminal(), [] as string[]];
    expect(await run(opened(calls), terminal, 'sync')).to.equal(0);
    expect(terminal.lines).to.deep.equal(['tenant.created tnt_acme in acme', '1 change.']);
    expect(calls).to.deep.equal(['close']);
  });

  it('exits with 1 and names the tenants that could not be done', async () => {
    const [terminal, calls] = [new RecordedTerminal(), [] as string[]];
    expect(await run(opened(calls, { run: () => Promise.resolve([{ tenant: 'acme', code: 'SW_SCAIKEY_UNREACHABLE' }]) }), terminal, 'sync')).to.equal(1);
    expect(terminal.complaints.join()).to.contain('acme: SW_SCAIKEY_UNREACHABLE');
    expect(calls).to.deep.equal(['close']);
  });

  for (const words of [['sync', 'status'], ['status']]) {
    it(`says by ${words.join(' ')} when it was done and since when it fails`, async () => {
      const terminal = new RecordedTerminal();
      expect(await run(opened([]), terminal, ...words)).to.equal(0);
      expect(terminal.lines).to.deep.equal(['acme people: done 1970-01-01T00:00:00.000Z, 2 changes; failing since 1970-01-01T00:00:01.000Z with SW_SCAIKEY_UNREACHABLE']);
    });
  }

  for (const words of [['sync', 'register'], ['register']]) {
    it(`registers by ${words.join(' ')}`, async () => {
      const terminal = new RecordedTerminal();
      expect(await run(opened([]), terminal, ...words)).to.equal(0);
      expect(terminal.lines).to.deep.equal(['ScaiKey will tell https://node.example/v1/webhooks/scaikey']);
    });
  }

  it('says which events a webhook that is there lacks', async () => {
    const terminal = new RecordedTerminal();
    const there = { url: 'https://node.example/v1/webhooks/scaikey', outcome: 'there' as const, lacking: ['partner.created', 'partner.deleted'] };
    expect(await run(opened([], { register: () => Promise.resolve(there) }), terminal, 'sync', 'register')).to.equal(0);
    expect(terminal.lines[1]).to.contain('partner.created, partner.deleted');
  });
});

describe('scaiwave audit verify', () => {
  const head = { seq: 3, hash: 'ab' };
  const admin = (bad: { readonly seq: number; readonly why: string } | null, asked: (string | undefined)[] = []): Partial<Application> => ({
    openAdmin: () =>
      Promise.resolve({
        ...nobody,
        checkAudits: (slug) => {
          asked.push(slug);
          return Promise.resolve([{ slug: 'a', rows: 3, head, bad }]);
        },
      }),
  });

  it('says how many rows hold and which is the last, for all tenants unless one is named', async () => {
    const terminal = new RecordedTerminal();
    const asked: (string | undefined)[] = [];
    expect(await run(admin(null, asked), terminal, 'audit', 'verify')).to.equal(0);
    expect(await run(admin(null, asked), terminal, 'audit', 'verify', '--tenant', 'a')).to.equal(0);
    expect(asked).to.deep.equal([undefined, 'a']);
    expect(terminal.lines).to.deep.equal(['a: 3 rows hold, head 3 ab', 'a: 3 rows hold, head 3 ab']);
  });

  it('fails and names the first bad row', async () => {
    const terminal = new RecordedTerminal();
    expect(await run(admin({ seq: 4, why: 'row 4 is missing before it' }), terminal, 'audit', 'verify')).to.equal(1);
    expect(terminal.lines.join()).to.include('row 4 is bad: row 4 is missing before it');
    expect(terminal.complaints).to.deep.equal(['The audit does not hold: a.']);
  });

  it('follows a file, and opens no database for it', async () => {
    const terminal = new RecordedTerminal();
    const checked = (whole: boolean, bad: { readonly line: number; readonly why: string } | null): Partial<Application> => ({ checkAuditExport: () => Promise.resolve({ records: 3, head, whole, bad }) });
    const words = ['audit', 'verify', '--file', 'audit.ndjson'];
    expect(await run(checked(true, null), terminal, ...words)).to.equal(0);
    expect(await run(checked(false, null), terminal, ...words)).to.equal(0);
    expect(await run(checked(true, { line: 4, why: 'it is not JSON' }), terminal, ...words)).to.equal(1);
    expect(terminal.lines).to.deep.equal([
      'audit.ndjson: 3 records hold, head 3 ab',
      'audit.ndjson: 3 records hold, head 3 ab; it was filtered, and is no whole chain',
      'audit.ndjson: 3 records hold, head 3 ab; line 4 is bad: it is not JSON',
    ]);
    expect(terminal.complaints).to.deep.equal(['The audit does not hold: audit.ndjson.']);
    expect(await run(checked(true, null), terminal, ...words, '--tenant', 'a')).to.equal(1);
  });
});
