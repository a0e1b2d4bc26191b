import { deepFreeze } from '../kernel/tenant-context.js';
import type { Environment } from './env.js';
import { nearMiss } from './near-miss.js';
import { BadValue, isLoopback } from './readers.js';
import { allSettings, SECRET_SETTINGS, SETTINGS, type Setting } from './settings.js';

type ValuesOf<Table> = { readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value> ? Value : never };

export type Secrets = ValuesOf<typeof SECRET_SETTINGS>;

/** Everything an operator decided, validated and deeply frozen. */
export interface Config extends ValuesOf<typeof SETTINGS> {
  readonly secrets: Secrets;
}

/** Everything that is wrong with the environment, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly string[]) {
    super(['The configuration is not valid:', ...faults.map((fault) => `  - ${fault}`)].join('\n'));
  }
}

export function loadConfig(environment: Environment): Config {
  const faults = new Map<string, string>(unknownNames(environment));
  const config: Config = {
    ...readTable(SETTINGS, environment, faults),
    secrets: readTable(SECRET_SETTINGS, environment, faults),
  };
  const contradictions = RULES.filter((rule) => !rule.between.some((name) => faults.has(name)) && rule.broken(config));
  const all = [...faults.values(), ...contradictions.map((rule) => rule.sentence)];
  if (all.length > 0) throw new ConfigError(all);
  return deepFreeze(config);
}

/** A mistyped name would otherwise leave its default in force without a word. */
function unknownNames(environment: Environment): [name: string, fault: string][] {
  const known = allSettings().map((setting) => setting.name);
  return Object.keys(environment)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = nearMiss(name, known);
      return [name, `${name} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`];
    });
}

/** Adds to `faults`, by name; a value that is at fault is left out, and the caller throws before it is missed. */
function readTable<Table extends Readonly<Record<string, Setting<unknown>>>>(
  table: Table,
  environment: Environment,
  faults: Map<string, string>,
): ValuesOf<Table> {
  const values: Record<string, unknown> = {};
  for (const [key, { name, read, fallback }] of Object.entries(table)) {
    const given = environment[name];
    if (given === '') {
      faults.set(name, `${name} is set to nothing; give it a value or unset it`);
      continue;
    }
    const text = given ?? fallback;
    try {
      values[key] = text === undefined ? undefined : read(text);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      faults.set(name, `${name} ${error.message}`);
    }
  }
  return values as ValuesOf<Table>;
}

interface Rule {
  /** Not judged while one of these is at fault by itself. */
  readonly between: readonly string[];
  readonly sentence: string;
  readonly broken: (config: Config) => boolean;
}

/** What must hold between settings. */
const RULES: readonly Rule[] = [
  {
    between: ['SCAIWAVE_AUTH_MODE', 'SCAIWAVE_HOST'],
    sentence: 'SCAIWAVE_AUTH_MODE mock and hybrid accept made-up tokens: bind SCAIWAVE_HOST to loopback, or use scaikey',
    broken: (config) => config.authMode !== 'scaikey' && !isLoopback(config.host),
  },
  {
    between: ['SCAIWAVE_AUTH_MODE', 'SCAIWAVE_SCAIKEY_URL'],
    sentence: 'SCAIWAVE_AUTH_MODE scaikey and hybrid need SCAIWAVE_SCAIKEY_URL',
    broken: (config) => config.authMode !== 'mock' && config.scaikeyUrl === undefined,
  },
  {
    between: ['SCAIWAVE_AUTH_MODE', 'SCAIWAVE_SCAIKEY_AUDIENCE'],
    sentence: 'SCAIWAVE_AUTH_MODE scaikey and hybrid need SCAIWAVE_SCAIKEY_AUDIENCE',
    broken: (config) => config.authMode !== 'mock' && config.scaikeyAudience === undefined,
  },
  {
    between: ['SCAIWAVE_SCAIKEY_URL'],
    sentence: 'SCAIWAVE_SCAIKEY_URL must be https, except on a loopback address',
    broken: ({ scaikeyUrl }) => scaikeyUrl?.startsWith('http:') === true && !isLoopbackUrl(scaikeyUrl),
  },
  {
    between: ['SCAIWAVE_SCAIGRID_URL'],
    sentence: 'SCAIWAVE_SCAIGRID_URL must be https, except on a loopback address',
    broken: ({ scaigridUrl }) => scaigridUrl?.startsWith('http:') === true && !isLoopbackUrl(scaigridUrl),
  },
  {
    between: ['SCAIWAVE_SCAIGRID_API_KEY', 'SCAIWAVE_SCAIGRID_URL'],
    sentence: 'SCAIWAVE_SCAIGRID_API_KEY needs SCAIWAVE_SCAIGRID_URL',
    broken: ({ secrets, scaigridUrl }) => secrets.scaigridApiKey !== undefined && scaigridUrl === undefined,
  },
  {
    between: ['SCAIWAVE_SCAIGRID_QUEUE', 'SCAIWAVE_SCAIGRID_API_KEY'],
    sentence: 'SCAIWAVE_SCAIGRID_QUEUE needs SCAIWAVE_SCAIGRID_API_KEY',
    broken: ({ secrets, scaigridQueue }) => scaigridQueue !== undefined && secrets.scaigridApiKey === undefined,
  },
  {
    between: ['SCAIWAVE_SCAIKEY_URL', 'SCAIWAVE_SCAIKEY_CLIENT_ID', 'SCAIWAVE_SCAIKEY_CLIENT_SECRET'],
    sentence: 'SCAIWAVE_SCAIKEY_CLIENT_ID and SCAIWAVE_SCAIKEY_CLIENT_SECRET go together, and need SCAIWAVE_SCAIKEY_URL',
    broken: ({ scaikeyUrl, scaikeyClientId, secrets: { scaikeyClientSecret } }) =>
      (scaikeyClientId === undefined) !== (scaikeyClientSecret === undefined) || (scaikeyClientId !== undefined && scaikeyUrl === undefined),
  },
  {
    between: ['SCAIWAVE_MASTER_KEY', 'SCAIWAVE_MASTER_KEY_FILE'],
    sentence: 'SCAIWAVE_MASTER_KEY and SCAIWAVE_MASTER_KEY_FILE: give one of them, not both',
    broken: (config) => config.secrets.masterKey !== undefined && config.masterKeyFile !== undefined,
  },
];

function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || /^(127\.[\d.]+|\[::1\])$/.test(hostname);
}
