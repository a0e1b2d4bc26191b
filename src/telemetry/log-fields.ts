import { cutText } from '../kernel/cut-text.js';

/**
 * What a log line may carry, by field name. Anything else is replaced, so that a body, a token or a name put into a line
 * by mistake does not reach the log.
 */
const PLAIN_FIELDS: ReadonlySet<string> = new Set([
  'address',
  'attempt',
  'code',
  'component',
  'count',
  'dataPath',
  'destination',
  'direction',
  'duty',
  'host',
  'item',
  'kind',
  'method',
  'metric',
  'migration',
  'name',
  'note',
  'operation',
  'origin',
  'outcome',
  'peer',
  'port',
  'reason',
  'retryable',
  'role',
  'roles',
  'route',
  'scope',
  'server',
  'serverName',
  'service',
  'signal',
  'slug',
  'state',
  'status',
  'stream',
  'transport',
  'type',
  'version',
]);
const ID_SIZE_OR_TIME = /^[a-z][A-Za-z]*(?:Id|Ids|Ms|Seconds|Bytes|Count|Seq|Position|Epoch)$/;
const SECRET = /secret|token|password|credential|signature|privatekey|body|content|payload|text/i;
const ERROR_FIELDS: ReadonlySet<string> = new Set(['error', 'err', 'cause']);

const TEXT_CHARS_MAX = 300;
const LIST_ITEMS_MAX = 20;
const STACK_LINES_MAX = 12;
const CAUSES_MAX = 3;

export function mayBeLogged(field: string): boolean {
  return ERROR_FIELDS.has(field) || PLAIN_FIELDS.has(field) || (ID_SIZE_OR_TIME.test(field) && !SECRET.test(field));
}

/** The fields of one line, cut down to what may be seen. */
export function loggable(fields: object): Record<string, unknown> {
  const entries = Object.entries(fields).map(([field, value]): [string, unknown] => {
    if (ERROR_FIELDS.has(field)) return [field, errorFacts(value, CAUSES_MAX)];
    return [field, mayBeLogged(field) ? plain(value) : '[not listed]'];
  });
  return Object.fromEntries(entries);
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return cut(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (Array.isArray(value)) return value.slice(0, LIST_ITEMS_MAX).map((item) => (typeof item === 'object' ? '[object]' : plain(item)));
  return '[object]';
}

/** Errors of drivers carry rows and requests in fields of their own; only name, code, message and frames are taken. */
function errorFacts(thrown: unknown, causesLeft: number): unknown {
  if (!(thrown instanceof Error)) return plain(thrown);
  const code: unknown = 'code' in thrown ? thrown.code : undefined;
  return {
    name: thrown.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: cut(thrown.message),
    frames: frames(thrown),
    ...(thrown.cause === undefined || causesLeft === 0 ? {} : { cause: errorFacts(thrown.cause, causesLeft - 1) }),
  };
}

function frames(error: Error): readonly string[] {
  const lines = (error.stack ?? '').split('\n').map((line) => line.trim());
  return lines.filter((line) => line.startsWith('at ')).slice(0, STACK_LINES_MAX);
}

function cut(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${cutText(text, TEXT_CHARS_MAX)}…`;
}
