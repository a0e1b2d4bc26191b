import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ESLint } from 'eslint';

const ROOT = join(import.meta.dirname, '../..');

interface Plant {
  readonly code: string;
  readonly rule: string;
  /** Where the same code is right; nowhere, if left out. */
  readonly allowedIn?: string;
}

const PLANTS: Readonly<Record<string, Plant>> = {
  'a floating promise': { code: 'export function f(): void { Promise.resolve(1); }', rule: '@typescript-eslint/no-floating-promises' },
  'a promise thrown away with void': { code: 'export function f(): void { void Promise.resolve(1); }', rule: '@typescript-eslint/no-floating-promises' },
  'a promise where nobody waits': { code: 'export function f(): void { [1].forEach(async () => { await Promise.resolve(); }); }', rule: '@typescript-eslint/no-misused-promises' },
  'any in a signature': { code: 'export function f(x: any): void { console.log; }', rule: '@typescript-eslint/no-explicit-any' },
  'any out of a function': { code: 'export function f(): string { return JSON.parse("1"); }', rule: '@typescript-eslint/no-unsafe-return' },
  'any into a function': { code: 'export function f(): number { return Math.abs(JSON.parse("1")); }', rule: '@typescript-eslint/no-unsafe-argument' },
  'a function without its return type': { code: 'export function f() { return 1; }', rule: '@typescript-eslint/explicit-function-return-type' },
  '@ts-ignore': { code: '// @ts-ignore\nexport const n: number = "";', rule: '@typescript-eslint/ban-ts-comment' },
  '@ts-expect-error': { code: '// @ts-expect-error why\nexport const n: number = "";', rule: '@typescript-eslint/ban-ts-comment' },
  'as any': { code: 'export const n = 1 as any;', rule: 'no-restricted-syntax' },
  'as unknown as': { code: 'export const n = "" as unknown as number;', rule: 'no-restricted-syntax' },
  'a guard switched off by a comment': { code: '/* eslint-disable */ export const n = Math.random();', rule: 'no-restricted-properties' },
  'a non-null assertion': { code: 'export function f(x?: string): string { return x!; }', rule: '@typescript-eslint/no-non-null-assertion' },
  'console in the service': { code: 'export function f(): void { console.log(1); }', rule: 'no-console', allowedIn: 'cli' },

  'process.env': { code: 'export const e = process.env;', rule: 'no-restricted-properties', allowedIn: 'config' },
  'env taken out of process': { code: 'export const { env } = process;', rule: 'no-restricted-properties', allowedIn: 'config' },
  'env of the global object': { code: 'export const e = globalThis.process.env;', rule: 'no-restricted-properties', allowedIn: 'config' },
  'process under another name': { code: 'const p = process; export const e = p.env;', rule: 'no-restricted-syntax', allowedIn: 'config' },
  'env imported': { code: 'import { env } from "node:process"; export const e = env;', rule: 'no-restricted-imports', allowedIn: 'config' },

  'Date.now': { code: 'export const n = Date.now();', rule: 'no-restricted-properties', allowedIn: 'kernel/system-ports.ts' },
  'new Date()': { code: 'export const n = new Date();', rule: 'no-restricted-syntax', allowedIn: 'kernel/system-ports.ts' },
  'Date()': { code: 'export const n = Date();', rule: 'no-restricted-syntax', allowedIn: 'kernel/system-ports.ts' },
  'performance.now': { code: 'export const n = performance.now();', rule: 'no-restricted-globals', allowedIn: 'kernel/system-ports.ts' },
  'process.hrtime': { code: 'export const n = process.hrtime.bigint();', rule: 'no-restricted-properties', allowedIn: 'kernel/system-ports.ts' },
  setTimeout: { code: 'setTimeout(() => 1, 1);', rule: 'no-restricted-globals', allowedIn: 'kernel/system-ports.ts' },
  'globalThis.setTimeout': { code: 'globalThis.setTimeout(() => 1, 1);', rule: 'no-restricted-globals', allowedIn: 'kernel/system-ports.ts' },
  setInterval: { code: 'setInterval(() => 1, 1);', rule: 'no-restricted-globals', allowedIn: 'kernel/system-ports.ts' },
  'Date of the global object': { code: 'export const n = globalThis.Date.now();', rule: 'no-restricted-properties', allowedIn: 'kernel/system-ports.ts' },
  'Date under another name': { code: 'const D = Date; export const n = D.now();', rule: 'no-restricted-syntax', allowedIn: 'kernel/system-ports.ts' },
  'the global object under another name': { code: 'const g = globalThis; export const n = g.Date.now();', rule: 'no-restricted-syntax' },
  setImmediate: { code: 'setImmediate(() => 1);', rule: 'no-restricted-globals', allowedIn: 'kernel/system-ports.ts' },
  'timers/promises': { code: 'import { setTimeout as s } from "node:timers/promises"; export const n = s;', rule: 'no-restricted-imports', allowedIn: 'kernel/system-ports.ts' },
  'AbortSignal.timeout': { code: 'export const n = AbortSignal.timeout(1);', rule: 'no-restricted-properties', allowedIn: 'kernel/system-ports.ts' },
  'Math.random': { code: 'export const n = Math.random();', rule: 'no-restricted-properties', allowedIn: 'kernel/system-ports.ts' },
  randomBytes: { code: 'import { randomBytes } from "node:crypto"; export const n = randomBytes(1);', rule: 'no-restricted-imports', allowedIn: 'kernel/system-ports.ts' },
  'a key made by jose': { code: 'import { generateKeyPair } from "jose"; export const k = generateKeyPair;', rule: 'no-restricted-imports', allowedIn: 'kernel/system-ports.ts' },
  'crypto.subtle': { code: 'import { subtle } from "node:crypto"; export const s = subtle;', rule: 'no-restricted-imports', allowedIn: 'kernel/system-ports.ts' },
  'randomUUID of the global crypto': { code: 'export const n = crypto.randomUUID();', rule: 'no-restricted-globals', allowedIn: 'kernel/system-ports.ts' },
  'all of crypto': { code: 'import * as c from "crypto"; export const n = c.randomBytes(1);', rule: 'no-restricted-imports', allowedIn: 'kernel/system-ports.ts' },

  knex: { code: 'import knex from "knex"; export const k = knex;', rule: 'no-restricted-imports', allowedIn: 'store' },
  'the types of pg': { code: 'import type { Pool } from "pg"; export type P = Pool;', rule: 'no-restricted-imports', allowedIn: 'store' },
  'knex by dynamic import': { code: 'export const k = import("knex");', rule: 'no-restricted-syntax', allowedIn: 'store' },
  'a dynamic import of anything': { code: 'export const f = (name: string): Promise<unknown> => import(name);', rule: 'no-restricted-syntax' },
  'a require': { code: 'import { createRequire } from "node:module"; export const r = createRequire("/");', rule: 'no-restricted-imports' },
  ioredis: { code: 'import { Redis } from "ioredis"; export const r = Redis;', rule: 'no-restricted-imports' },
  nats: { code: 'import { connect } from "nats"; export const c = connect;', rule: 'no-restricted-imports', allowedIn: 'streams/nats-link.ts' },

  undici: { code: 'import { request } from "undici"; export const r = request;', rule: 'no-restricted-imports', allowedIn: 'egress' },
  fetch: { code: 'export const r = fetch("https://a.example");', rule: 'no-restricted-globals', allowedIn: 'egress' },
  'globalThis.fetch': { code: 'export const r = globalThis.fetch("https://a.example");', rule: 'no-restricted-globals', allowedIn: 'egress' },
  'a client WebSocket': { code: 'export const w = new WebSocket("wss://a.example");', rule: 'no-restricted-globals', allowedIn: 'egress' },
  'http.request': { code: 'import { request } from "node:http"; export const r = request;', rule: 'no-restricted-imports', allowedIn: 'egress' },
  'https as a whole': { code: 'import https from "https"; export const r = https;', rule: 'no-restricted-imports', allowedIn: 'egress' },
  'net.connect': { code: 'import { connect } from "node:net"; export const c = connect;', rule: 'no-restricted-imports', allowedIn: 'egress' },
  'dns.lookup': { code: 'import { lookup } from "node:dns/promises"; export const l = lookup;', rule: 'no-restricted-imports', allowedIn: 'egress' },
  'tls.connect': { code: 'import { connect } from "node:tls"; export const c = connect;', rule: 'no-restricted-imports', allowedIn: 'egress' },
  'a module taken from the process': { code: 'export const n = process.getBuiltinModule("node:net");', rule: 'no-restricted-properties' },
  'another program': { code: 'import { spawn } from "node:child_process"; export const s = spawn;', rule: 'no-restricted-imports', allowedIn: 'store/embedded' },
  'another thread': { code: 'import { Worker } from "node:worker_threads"; export const w = Worker;', rule: 'no-restricted-imports', allowedIn: 'store/embedded' },
  'keys of ScaiKey fetched elsewhere': { code: 'import { createRemoteJWKSet } from "jose"; export const k = createRemoteJWKSet;', rule: 'no-restricted-imports', allowedIn: 'verify/scaikey-keys.ts' },
  'a server of its own': { code: 'import { createServer } from "node:http"; export const s = createServer;', rule: 'no-restricted-imports', allowedIn: 'http' },
  express: { code: 'import express from "express"; export const e = express;', rule: 'no-restricted-imports', allowedIn: 'http' },
};

/** Typed rules need a path that the compiler knows, so each plant takes the place of a real file. */
function fileIn(place: string): string | undefined {
  const path = join(ROOT, 'src', place);
  if (place.endsWith('.ts')) return path;
  const files = existsSync(path) ? readdirSync(path, { recursive: true, encoding: 'utf8' }) : [];
  const file = files.find((name) => name.endsWith('.ts') && !name.includes('cache'));
  return file === undefined ? undefined : join(path, file);
}

describe('lint guards', function () {
  this.timeout(120_000);
  const eslint = new ESLint({
    cwd: ROOT,
    overrideConfigFile: join(ROOT, 'config/eslint.config.js'),
    // Where CI is set the parser takes files from the disk once, and would never see a plant.
    overrideConfig: { languageOptions: { parserOptions: { disallowAutomaticSingleRunInference: true } } },
  });

  async function rulesBroken(code: string, filePath: string): Promise<readonly (string | null)[]> {
    const [result] = await eslint.lintText(`${code}\n`, { filePath });
    return (result?.messages ?? []).map((message) => message.ruleId);
  }

  for (const [title, { code, rule, allowedIn }] of Object.entries(PLANTS)) {
    it(`turn red on ${title}${allowedIn === undefined ? '' : `, except in ${allowedIn}`}`, async () => {
      expect(await rulesBroken(code, join(ROOT, 'src/kernel/ids.ts'))).to.include(rule);
      const home = allowedIn === undefined ? undefined : fileIn(allowedIn);
      if (home !== undefined) expect(await rulesBroken(code, home)).not.to.include(rule);
    });
  }

  it('keep clients of http out of the room that serves', async () => {
    const home = fileIn('http') ?? expect.fail('src/http is missing');
    for (const code of ['import { request } from "node:http"; export const r = request;', 'import http from "node:http"; export const h = http;', 'import * as http from "node:http"; export const h = http;', 'import { connect } from "node:net"; export const c = connect;']) {
      expect(await rulesBroken(code, home)).to.include('no-restricted-imports');
    }
  });

  it('keep NATS out of every file but the one that links to it', async () => {
    const others = readdirSync(join(ROOT, 'src/streams'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && name !== 'nats-link.ts');
    expect(others).not.to.be.empty;
    const [other = ''] = others;
    expect(await rulesBroken('import { connect } from "nats"; export const c = connect;', join(ROOT, 'src/streams', other))).to.include('no-restricted-imports');
    expect(await rulesBroken('import type { NatsConnection } from "nats"; export type C = NatsConnection;', join(ROOT, 'src/streams', other))).to.include('no-restricted-imports');
  });

  it('turn red on a test that drops a promise', async () => {
    const here = join(ROOT, 'test/architecture/lint-guards.test.ts');
    expect(await rulesBroken('export function f(): void { Promise.resolve(1); }', here)).to.include('@typescript-eslint/no-floating-promises');
  });
});
