import { Readable } from 'node:stream';
import type { CursorPage, Page } from '../flows/api/page.js';
import type { StoredFile } from '../flows/api/media.js';
import type { Answer, Call } from './call.js';
import { csvOf } from './csv.js';
import { fileAnswer } from './file-answer.js';

/**
 * How a handler's result becomes a reply. `schema` describes the result itself, or one item of it; the envelope
 * `{ data, meta }` is the same everywhere and is made here alone.
 */
export interface ReplyShape<T> {
  readonly kind: 'one' | 'page' | 'cursor' | 'nothing' | 'answer' | 'document' | 'text' | 'file' | 'lines' | 'stream';
  readonly schema: string | null;
  /** What `schema` is checked against. */
  readonly checked: (result: T) => readonly unknown[];
  readonly render: (result: T, call: Pick<Call, 'headers' | 'method'>) => Answer | Promise<Answer>;
}

const JSON_HEADERS = Object.freeze({ 'content-type': 'application/json; charset=utf-8' });
const CSV_HEADERS = Object.freeze({ 'content-type': 'text/csv; charset=utf-8; header=present' });
const TEXT_HEADERS = Object.freeze({ 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(value) };
}

function enveloped(data: unknown, meta: object = {}): Answer {
  return { status: 200, headers: JSON_HEADERS, body: JSON.stringify({ data, meta }) };
}

export function one<T>(schema: string): ReplyShape<T> {
  return { kind: 'one', schema, checked: (result) => [result], render: (result) => enveloped(result) };
}

/** A bounded list that is always whole. */
export function all<T>(schema: string): ReplyShape<readonly T[]> {
  return {
    kind: 'page',
    schema,
    checked: (items) => items,
    render: (items) => enveloped(items, { total: items.length }),
  };
}

export function page<T>(schema: string): ReplyShape<Page<T>> {
  return {
    kind: 'page',
    schema,
    checked: ({ items }) => items,
    render: ({ items, total }) => enveloped(items, { total }),
  };
}

/** A page that may be had as CSV: for whoever accepts nothing else. */
export function pageOrCsv<C extends string, T extends Readonly<Record<C, string | number | null>>>(schema: string, columns: readonly C[]): ReplyShape<Page<T>> {
  const json = page<T>(schema);
  return {
    ...json,
    render: (result, call) => (call.headers['accept']?.trim() === 'text/csv' ? { status: 200, headers: CSV_HEADERS, body: csvOf(columns, result.items) } : json.render(result, call)),
  };
}

export function cursorPage<T>(schema: string): ReplyShape<CursorPage<T>> {
  return {
    kind: 'cursor',
    schema,
    checked: ({ items }) => items,
    render: ({ items, has_more, next_cursor }) => enveloped(items, { has_more, next_cursor }),
  };
}

/** What a server or a bridge is told: enveloped too, and its schema says the envelope. */
export function answer<T>(schema: string): ReplyShape<T> {
  return { kind: 'answer', schema, checked: (result) => [{ data: result }], render: (result) => enveloped(result) };
}

/** Done, and there is nothing to say about it. */
export const nothing: ReplyShape<void> = {
  kind: 'nothing',
  schema: null,
  checked: () => [],
  render: () => enveloped(null),
};

/** JSON without an envelope, for readers whose format is not ours to choose. `status` may depend on what it says. */
export function document<T>(schema: string, status: (result: T) => number = () => 200): ReplyShape<T> {
  return {
    kind: 'document',
    schema,
    checked: (result) => [result],
    render: (result) => jsonAnswer(status(result), result),
  };
}

export const text: ReplyShape<string> = {
  kind: 'text',
  schema: null,
  checked: () => [],
  render: (body) => ({ status: 200, headers: TEXT_HEADERS, body }),
};

/** Bytes of a file, whole or in part, as they come off the store. */
export const file: ReplyShape<StoredFile> = {
  kind: 'file',
  schema: null,
  checked: () => [],
  render: (stored, call) => fileAnswer(stored, call),
};

const LINES_HEADERS = Object.freeze({ 'content-type': 'application/x-ndjson' });

/** JSON values, one to a line, read at the pace of their reader; `schema` describes each. */
export function lines<T>(schema: string): ReplyShape<AsyncIterable<readonly T[]>> {
  return {
    kind: 'lines',
    schema,
    checked: () => [],
    render: (steps, { method }) => {
      const answer = { status: 200, headers: LINES_HEADERS, body: '' };
      return method === 'HEAD' ? answer : { ...answer, stream: Readable.from(textOf(steps), { highWaterMark: 1 }) };
    },
  };
}

async function* textOf(steps: AsyncIterable<readonly unknown[]>): AsyncGenerator<string> {
  for await (const values of steps) {
    // Nothing to write would end the stream.
    if (values.length > 0) yield values.map((value) => `${JSON.stringify(value)}\n`).join('');
  }
}
