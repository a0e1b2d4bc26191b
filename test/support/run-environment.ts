/** What was lent to the tests, and what they must not miss; for the runs on real services. */
const LENT = ['SCAIWAVE_TEST_DB_URL', 'SCAIWAVE_TEST_REDIS_URL', 'SCAIWAVE_TEST_NATS_URL', 'SCAIWAVE_TEST_REQUIRE'];

/**
 * The environment of a run of that name. Lent services are for the real ones alone; what is named beside it would make
 * `embedded` something else than it says. Its suites that kill Redis and NATS start their own, and in CI must find them.
 */
export function environmentOf(run: string, settings: Readonly<Record<string, string>>, given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...given, ...settings };
  if (run !== 'embedded' && run !== 'unit') return env;
  for (const lent of LENT) delete env[lent];
  if (run === 'embedded' && given['CI'] !== undefined) env['SCAIWAVE_TEST_REQUIRE'] = 'redis,nats';
  return env;
}
