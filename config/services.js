// `npm run services`: starts the compose file where docker works; otherwise says what to install and how to start it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const compose = ['compose', '-f', join(import.meta.dirname, 'services.compose.yaml')];

function works(...args) {
  const { error, status } = spawnSync('docker', args, { stdio: 'ignore', timeout: 10_000 });
  return error === undefined && status === 0;
}

const NAMES = `
Then name them for \`npm run test:real\`:

  export SCAIWAVE_TEST_DB_URL=postgres://postgres@127.0.0.1:5432/postgres
  export SCAIWAVE_TEST_REDIS_URL=redis://127.0.0.1:6379
  export SCAIWAVE_TEST_NATS_URL=nats://127.0.0.1:4222
`;

const BY_HAND = `Docker does not answer, and nothing is installed for you. On Debian or Ubuntu:

  sudo apt-get install postgresql redis-server nats-server

PostgreSQL and Redis are started by their packages. PostgreSQL asks for a password over TCP; for tests on your own
machine, a server that asks for none, in a folder of its own:

  /usr/lib/postgresql/*/bin/initdb -D ~/scaiwave-pg -A trust -U postgres -E UTF8 --locale=C
  /usr/lib/postgresql/*/bin/pg_ctl -D ~/scaiwave-pg -w -o '-p 5433 -k /tmp -c max_connections=300' start

NATS with JetStream:

  nats-server -js -a 127.0.0.1
`;

if (works('info') && works('compose', 'version')) {
  const { status } = spawnSync('docker', [...compose, 'up', '--detach', '--wait'], { stdio: 'inherit' });
  if (status === 0) console.log(NAMES);
  process.exitCode = status ?? 1;
} else {
  console.log(BY_HAND + NAMES);
}
