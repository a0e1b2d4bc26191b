import type { Config } from './config.js';
import { SECRET_SETTINGS, SETTINGS } from './settings.js';

/** One line a setting, `NAME=value`, secrets redacted; a comment says what is not set. */
export function showConfig(config: Config): string {
  const { secrets, ...values } = config;
  return [...lines(SETTINGS, values), ...lines(SECRET_SETTINGS, secrets)].join('\n');
}

function lines(table: Readonly<Record<string, { readonly name: string }>>, values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(table).map(([key, { name }]) => {
    const value = values[key];
    return value === undefined ? `# ${name} is not set` : `${name}=${shown(value)}`;
  });
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  if (Object.getPrototypeOf(value) === Object.prototype) return Object.entries(value as object).map(([name, url]) => `${name}=${url}`).join(',');
  return String(value);
}
