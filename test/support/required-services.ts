/** True when a missing service must fail a suite instead of skipping it: `SCAIWAVE_TEST_REQUIRE=postgres,redis,nats`. */
export function isRequired(service: string): boolean {
  return (process.env['SCAIWAVE_TEST_REQUIRE'] ?? '').split(',').includes(service);
}
