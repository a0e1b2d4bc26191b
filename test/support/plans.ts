/** What one run of tests is about. */
export interface Plan {
  readonly about: string;
  /** Folders of test/, or files there; each group is a run of mocha, all at the same time. */
  readonly groups: readonly (readonly string[])[];
  /** What nothing in asks for what this plan runs on, as patterns below test/. */
  readonly without?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly minutesMax: number;
}

const PURE = ['architecture', 'conformance', 'unit'];
const PARTS = ['integration'];
const WHOLE = ['e2e'];
const APART = ['isolation'];
/** Nodes that are killed and stopped under load; what they run on is left alone. */
const BESIEGED = ['kill/kill.test.ts', 'kill/graceful-stop.test.ts'];
const SERVICELESS = ['integration/egress/**', 'integration/http/**', 'integration/scaigrid/**', 'integration/store/embedded.test.ts'];

export const PLANS: Readonly<Record<string, Plan>> = {
  unit: { about: 'nothing but this process', groups: [PURE], env: {}, minutesMax: 4 },
  embedded: {
    about: 'embedded PostgreSQL, in-process cache and streams; redis-server and nats-server of its own if on the PATH',
    // About as long as one another.
    groups: [PARTS, WHOLE, [...PURE, ...APART, 'kill']],
    env: { SCAIWAVE_TEST_STACK: 'embedded', SCAIWAVE_TEST_KILLS: '3' },
    minutesMax: 16,
  },
  real: {
    about: 'the services named by SCAIWAVE_TEST_*',
    groups: [PARTS, WHOLE, [...APART, ...BESIEGED]],
    without: SERVICELESS,
    env: { SCAIWAVE_TEST_STACK: 'real', SCAIWAVE_TEST_KILLS: '3' },
    minutesMax: 16,
  },
  kill: {
    about: 'embedded parts, killed 50 times, their services lost 50 times each, and away for long',
    groups: [['kill', 'away']],
    env: { SCAIWAVE_TEST_STACK: 'embedded', SCAIWAVE_TEST_KILLS: '50', SCAIWAVE_TEST_LOSSES: '50', SCAIWAVE_TEST_REQUIRE: 'redis,nats' },
    minutesMax: 90,
  },
  'kill-real': {
    about: 'PostgreSQL, Redis and NATS, with nodes that are killed 50 times',
    groups: [['kill']],
    env: { SCAIWAVE_TEST_STACK: 'real', SCAIWAVE_TEST_KILLS: '50', SCAIWAVE_TEST_REQUIRE: 'postgres,redis,nats' },
    minutesMax: 40,
  },
  soak: { about: 'hours in minutes', groups: [['soak']], env: {}, minutesMax: 60 },
  smoke: { about: 'npm start as people run it', groups: [['smoke'], ['newcomer']], env: {}, minutesMax: 12 },
};

/** Patterns of a group for mocha. */
export function specsOf(group: readonly string[]): readonly string[] {
  return group.map((part) => (part.endsWith('.ts') ? `test/${part}` : `test/${part}/**/*.test.ts`));
}
