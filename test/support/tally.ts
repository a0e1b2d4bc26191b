/** What one run of mocha leaves behind. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly pending: number;
  readonly failures: readonly string[];
}

/** What one mocha counted, and whatever it could not count: a crash, a hang, a forbidden skip. `status` is how it ended. */
export function judge(counted: string | undefined, status: string): Tally {
  const nothing: Tally = { passed: 0, failed: 0, pending: 0, failures: [] };
  const tally = counted === undefined ? nothing : (JSON.parse(counted) as Tally);
  const faults = status !== '0' && tally.failed === 0 ? [`mocha ended with ${status}`] : [];
  return { ...tally, failed: tally.failed + faults.length, failures: [...tally.failures, ...faults] };
}

/** All groups of a run together; tests that went missing or were left out are a failure. `floor` is the least number of them. */
export function addUp(tallies: readonly Tally[], floor: number): Tally {
  const sum = (pick: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + pick(tally), 0);
  const ran = sum(({ passed, failed }) => passed + failed);
  const leftOut = sum(({ pending }) => pending);
  const faults = [...(ran < floor ? [`${ran} tests ran, test/floor asks for ${floor}`] : []), ...(leftOut > 0 ? [`${leftOut} tests were left out`] : [])];
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed) + faults.length,
    pending: leftOut,
    failures: [...tallies.flatMap(({ failures }) => failures), ...faults],
  };
}

/** The least number of tests of a run, from lines such as `unit 100`. A run without a line must have one test. */
export function floorOf(text: string, run: string): number {
  return Number(new RegExp(`^${run} (\\d+)$`, 'm').exec(text)?.[1] ?? 1);
}
