import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadContract, type Contract } from '../../src/contract/contract.js';
import { isErrorCode, GatewayError, type ErrorCode } from '../../src/kernel/errors.js';
import { parseServerName } from '../../src/kernel/ids.js';
import { generateSigningKey, type SigningKey } from '../../src/protocol/keys.js';

const ROOT = new URL('../../', import.meta.url);

export interface Vector {
  /** Which rule the vector holds. */
  readonly why: string;
}

/** The vectors of one file of `fixtures/`. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, ROOT), 'utf8')) as T;
}

export const contract: Contract = loadContract(fileURLToPath(new URL('specs', ROOT)));

const KEYS = fixture<{ keys: readonly { name: string; server: string; seed: string }[] }>('test-keys').keys;

/** A key of fixtures/test-keys.json. */
export function testKey(name: string): SigningKey {
  const found = KEYS.find((key) => key.name === name);
  if (found === undefined) throw new Error(`no test key ${name}`);
  return generateSigningKey(parseServerName(found.server), Buffer.from(found.seed, 'hex'));
}

/** The code of a refusal, or 'ok'. Anything but a GatewayError is a bug and is thrown on. */
export async function outcome(run: () => unknown): Promise<'ok' | ErrorCode> {
  try {
    await run();
    return 'ok';
  } catch (error) {
    if (error instanceof GatewayError && isErrorCode(error.code)) return error.code;
    throw error;
  }
}
