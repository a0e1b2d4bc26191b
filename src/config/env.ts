/** What the process was given, reduced to what may concern this node. */
export type Environment = Readonly<Record<string, string>>;

const OURS = /^SCAI_?WAVE/i;
/** Settings with a name that other software agreed upon. */
const STANDARD_NAMES: ReadonlySet<string> = new Set(['OTEL_EXPORTER_OTLP_ENDPOINT']);
/** Read by the test suites only; a node that is started by one of them must not trip over these. */
const TEST_PREFIX = 'SCAIWAVE_TEST_';

/** The only reader of `process.env`. Picks names and decides nothing. */
export function readEnvironment(source: NodeJS.ProcessEnv = process.env): Environment {
  const picked: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined || name.startsWith(TEST_PREFIX)) continue;
    if (OURS.test(name) || STANDARD_NAMES.has(name)) picked[name] = value;
  }
  return Object.freeze(picked);
}
