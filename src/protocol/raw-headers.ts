import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';

/** Refuses a request whose headers are too many or too long, before any of them is looked at. */
export function checkHeaderBounds(rawHeaders: readonly string[]): void {
  const bytes = rawHeaders.reduce((sum, text) => sum + text.length, 0);
  if (rawHeaders.length > 2 * LIMITS.headerCountMax || bytes > LIMITS.headerBytesMax) {
    throw new GatewayError('SW_HEADERS_TOO_LARGE', `${rawHeaders.length / 2} headers, ${bytes} bytes`);
  }
}

/**
 * The values of the named headers out of a list of names and values in turn, as Node gives them. A name that occurs
 * twice is refused: joined or first-wins, two readers would read two requests.
 */
export function singleHeaders<Name extends string>(
  rawHeaders: readonly string[],
  names: readonly Name[],
  refuse: (name: Name) => never,
): Partial<Record<Name, string>> {
  const values: Partial<Record<Name, string>> = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const spelled = rawHeaders[at]?.toLowerCase();
    const name = names.find((wanted) => wanted === spelled);
    if (name === undefined) continue;
    if (values[name] !== undefined) refuse(name);
    values[name] = rawHeaders[at + 1] ?? '';
  }
  return values;
}
