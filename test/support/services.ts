import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOnPath } from './processes.js';
import { isRequired } from './required-services.js';

export type Service = 'postgres' | 'redis' | 'nats';

const NAMED: Readonly<Record<Service, string>> = {
  postgres: 'SCAIWAVE_TEST_DB_URL',
  redis: 'SCAIWAVE_TEST_REDIS_URL',
  nats: 'SCAIWAVE_TEST_NATS_URL',
};

/** What a node has beside its database. */
export const BESIDE: readonly Service[] = ['redis', 'nats'];

const PROGRAM: Readonly<Record<Exclude<Service, 'postgres'>, string>> = { redis: 'redis-server', nats: 'nats-server' };

/** The stack that the run is about. */
export function isRealStack(): boolean {
  return process.env['SCAIWAVE_TEST_STACK'] === 'real';
}

/** The address of a service that the caller lent to the tests; they keep to databases, keys and streams of their own. */
export function namedService(service: Service): string | undefined {
  return process.env[NAMED[service]];
}

/** True when tests can start a server of their own, which they may then flush, stop and kill. */
export function canStartOwn(service: Service): boolean {
  return service === 'postgres' || isOnPath(PROGRAM[service]);
}

/** A suite on a real service, lent or own. Without one it is reported as not run, or fails where it is required. */
export function describeWith(service: Service, title: string, suite: () => void): void {
  if (namedService(service) !== undefined || canStartOwn(service)) describe(title, suite);
  else absent(service, title, `set ${NAMED[service]}`);
}

/** A suite that must start, and may end, a server of its own. */
export function describeWithOwn(service: Service, title: string, suite: (this: Mocha.Suite) => void): void {
  if (canStartOwn(service)) describe(title, suite);
  else absent(service, title, `put ${service === 'postgres' ? 'postgres' : PROGRAM[service]} on the PATH`);
}

/** A suite that uses what was lent, whole: only in the run on real services, and only with all of these. */
export function describeLent(services: readonly Service[], title: string, suite: (this: Mocha.Suite) => void): void {
  if (!isRealStack()) return note('not-run', `${title} (npm run test:real)`);
  const missing = services.find((service) => namedService(service) === undefined);
  if (missing === undefined) describe(title, suite);
  else absent(missing, title, `set ${NAMED[missing]}`);
}

/** A suite that runs programs of this machine. In CI it fails without them. */
export function describeWithPrograms(programs: readonly string[], title: string, suite: (this: Mocha.Suite) => void): void {
  const missing = programs.find((program) => !isOnPath(program));
  if (missing === undefined) describe(title, suite);
  else missed(process.env['CI'] !== undefined, title, missing, `put ${missing} on the PATH`);
}

/** A suite on whatever the run is about. Cache and streams of the real one are both lent, or both its own. */
export function describeOnStack(title: string, suite: (this: Mocha.Suite) => void): void {
  const missing = isRealStack() && !areLent(BESIDE) ? BESIDE.find((service) => !canStartOwn(service)) : undefined;
  if (missing === undefined) describe(title, suite);
  else absent(missing, title, `set ${NAMED[missing]}`);
}

/** True where all of them were lent. */
export function areLent(services: readonly Service[]): boolean {
  return services.every((service) => namedService(service) !== undefined);
}

function absent(service: Service, title: string, remedy: string): void {
  missed(isRequired(service), title, service, remedy);
}

function missed(required: boolean, title: string, what: string, remedy: string): void {
  if (!required) return note('not-run', `${title} (${remedy})`);
  describe(title, () => {
    it(`has the ${what} that it requires`, () => {
      throw new Error(`${what} is required here, and there is none: ${remedy}`);
    });
  });
}

/** Printed at the end of the run: what a suite really talked to. Call it once it does. */
export function ranAgainst(part: string, what: string): void {
  note('ran-against', `${part}: ${what}`);
}

/** The runner collects these lines; without it they are nobody's. */
function note(kind: 'ran-against' | 'not-run', line: string): void {
  const folder = process.env['SCAIWAVE_TEST_REPORT_DIR'];
  if (folder !== undefined) appendFileSync(join(folder, `${kind}.txt`), `${line}\n`);
}
