import { spawnSync } from 'node:child_process';
import { isOnPath } from '../support/processes.js';

const OPENSSL = `printf '%s.%s' "$t" "$body" | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d' ' -f1`;

const NODE = `node -e '
const { t, body, SECRET } = process.env;
console.log(require("node:crypto").createHmac("sha256", SECRET).update(t + "." + body).digest("hex"));'`;

export interface SignedBody {
  readonly header: string;
  readonly by: 'openssl' | 'node';
  /** As a person would type it. */
  readonly command: string;
}

/** Signs as an integrator would, on the command line. */
export function signOnCommandLine(secret: string, body: string, by: SignedBody['by'] = isOnPath('openssl') ? 'openssl' : 'node'): SignedBody {
  const command = by === 'openssl' ? OPENSSL : NODE;
  const t = String(Math.floor(Date.now() / 1_000));
  const { stdout, stderr, status } = spawnSync('sh', ['-c', command], { env: { PATH: process.env['PATH'] ?? '', t, body, SECRET: secret }, encoding: 'utf8' });
  const v1 = stdout.trim();
  if (status !== 0 || !/^[0-9a-f]{64}$/.test(v1)) throw new Error(`${by} did not sign: ${stderr}`);
  return { header: `t=${t},v1=${v1}`, by, command };
}
