/**
 * For a test that reads the wall clock: a machine that is busy with other things may be late once or twice, a broken
 * promise is late every time.
 */
export function byTheWallClock(test: Mocha.Context): void {
  test.retries(2);
}
