import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Log, Meter } from '../kernel/ports.js';
import { METRICS, METRIC_PREFIX, SECONDS_BUCKETS, type Metric } from './metrics.js';

export interface PromMeter extends Meter {
  /** Everything counted so far, in the text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
}

type Labels = Readonly<Record<string, string>>;

/** Counts what the table declares. A metric that is not declared, or with other labels, is a bug and never stops the work. */
export function promMeter(log: Pick<Log, 'error'>, metrics: Readonly<Record<string, Metric>> = METRICS): PromMeter {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, { type, help, labels }] of Object.entries(metrics)) {
    const shape = { name: METRIC_PREFIX + name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'counter') counters.set(name, new Counter(shape));
    else if (type === 'gauge') gauges.set(name, new Gauge(shape));
    else histograms.set(name, new Histogram({ ...shape, buckets: [...SECONDS_BUCKETS] }));
  }
  const undeclared = new Set<string>();

  function isDeclared(name: string, type: Metric['type'], labels: Labels): boolean {
    const metric = Object.hasOwn(metrics, name) ? metrics[name] : undefined;
    const given = Object.keys(labels);
    if (metric?.type === type && given.length === metric.labels.length && given.every((label) => metric.labels.includes(label))) return true;
    counters.get('metric_undeclared_total')?.inc();
    if (!undeclared.has(name)) log.error({ metric: name, type }, 'a metric is used that is not declared so');
    undeclared.add(name);
    return false;
  }

  return {
    count(name, labels = {}, by = 1) {
      if (isDeclared(name, 'counter', labels)) counters.get(name)?.inc(labels, by);
    },
    gauge(name, value, labels = {}) {
      if (isDeclared(name, 'gauge', labels)) gauges.get(name)?.set(labels, value);
    },
    observe(name, value, labels = {}) {
      if (isDeclared(name, 'histogram', labels)) histograms.get(name)?.observe(labels, value);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
