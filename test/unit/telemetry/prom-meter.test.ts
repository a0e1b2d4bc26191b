import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { METRICS } from '../../../src/telemetry/metrics.js';
import { promMeter } from '../../../src/telemetry/prom-meter.js';
import { silentLog } from '../../support/silent-ports.js';

describe('prom meter', () => {
  it('shows what was counted, with prefix and labels', async () => {
    const meter = promMeter(silentLog);
    meter.count('egress_requests_total', { outcome: '2xx' });
    meter.count('egress_requests_total', { outcome: '2xx' }, 2);
    meter.observe('egress_seconds', 0.02);
    const text = await meter.text();
    expect(text).to.contain('scaiwave_egress_requests_total{outcome="2xx"} 3').and.contain('scaiwave_egress_seconds_count 1');
  });

  it('sets a gauge', async () => {
    const meter = promMeter(silentLog, { depth: { type: 'gauge', help: 'Depth.', labels: [] } });
    meter.gauge('depth', 4);
    expect(await meter.text()).to.contain('scaiwave_depth 4');
  });

  const misuses: Readonly<Record<string, (meter: ReturnType<typeof promMeter>) => void>> = {
    'a name that is not declared': (meter) => meter.count('invented_total'),
    'a name of Object': (meter) => meter.count('constructor'),
    'another type': (meter) => meter.gauge('egress_requests_total', 1, { outcome: 'x' }),
    'a label too many': (meter) => meter.count('egress_requests_total', { outcome: 'x', room: 'r' }),
    'a label too few': (meter) => meter.count('egress_requests_total'),
  };
  for (const [misuse, use] of Object.entries(misuses)) {
    it(`counts ${misuse} as a bug, logs it once and goes on`, async () => {
      const errors: object[] = [];
      const meter = promMeter({ error: (fields) => errors.push(fields) });
      use(meter);
      use(meter);
      expect(await meter.text()).to.contain('scaiwave_metric_undeclared_total 2');
      expect(errors).to.have.length(1);
    });
  }

  it('declares what specs/metrics.md says, and nothing else', () => {
    const rows = readFileSync('specs/metrics.md', 'utf8').matchAll(/^\| `([a-z_]+)` \| (\w+) \|([^|]*)\| (.+) \|$/gm);
    const specified: unknown = Object.fromEntries([...rows].map(([, name, type, labels, help]) => [name, { type, help, labels: [...(labels ?? '').matchAll(/`(\w+)`/g)].map((label) => label[1]) }]));
    expect(specified).to.deep.equal(METRICS);
  });

  it('declares every metric that src/ uses', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const used = files.flatMap((file) => [...readFileSync(join('src', file), 'utf8').matchAll(/[mM]eter\??\.(?:count|gauge|observe)\(\s*'([^']+)'/g)].map((use) => use[1] ?? ''));
    expect([...new Set(used)].filter((name) => !Object.hasOwn(METRICS, name))).to.deep.equal([]);
  });
});
