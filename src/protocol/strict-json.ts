import { isAscii, isUtf8 } from 'node:buffer';
import { GatewayError } from '../kernel/errors.js';
import type { JsonValue } from '../kernel/events.js';
import { LIMITS } from '../kernel/limits.js';

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
/** With the `u` flag a pair is one character, so only halves match. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function refuse(why: string): never {
  throw new GatewayError('SW_BAD_JSON', why, { publicDetail: why });
}

/**
 * JSON in the one form that every node reads alike (specs/protocol/federation.md, "Strict JSON").
 *
 * The scan before `JSON.parse` bounds depth and counts members by their colons; the walk after it counts the members
 * that were kept. Fewer kept than written means a repeated name. Both are linear, and escapes, the only way to write
 * a NUL or a lone surrogate in valid UTF-8, are looked into only where there are any.
 */
export function parseStrictJson(bytes: Buffer): JsonValue {
  const text = decode(bytes);
  const written = countWrittenMembers(text);
  const value = parse(text);
  const kept = text.includes('\\u') ? checkEscaped(value) : checkPlain(value);
  if (kept !== written) refuse('An object repeats a name.');
  return value;
}

function decode(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : refuse('The text is not UTF-8.');
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return refuse('The text is not JSON.');
  }
}

function countWrittenMembers(text: string): number {
  let depth = 0;
  let members = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at + 1);
        break;
      case COLON:
        members += 1;
        break;
      case BRACE_OPEN:
      case BRACKET_OPEN:
        depth += 1;
        if (depth > LIMITS.jsonDepthMax) refuse('The nesting is too deep.');
        break;
      case BRACE_CLOSE:
      case BRACKET_CLOSE:
        depth -= 1;
        break;
      default:
    }
  }
  return members;
}

/** Index of the quote that ends the string. An odd run of backslashes before a quote escapes it. */
function endOfString(text: string, start: number): number {
  for (let from = start; ; ) {
    const quote = text.indexOf('"', from);
    if (quote < 0) refuse('A string does not end.');
    let before = quote - 1;
    while (before >= from && text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((quote - 1 - before) % 2 === 0) return quote;
    from = quote + 1;
  }
}

/** Checks numbers and names; returns how many members there are. */
function checkPlain(value: JsonValue): number {
  if (typeof value === 'number') checkNumber(value);
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (isList(value)) {
    for (const item of value) members += checkPlain(item);
    return members;
  }
  for (const name of Object.keys(value)) {
    if (name === '__proto__') refuse('A name is not allowed.');
    members += 1 + checkPlain(value[name] ?? null);
  }
  return members;
}

/** The same, looking into every string as well. */
function checkEscaped(value: JsonValue): number {
  if (typeof value === 'string') checkString(value);
  if (typeof value === 'number') checkNumber(value);
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (isList(value)) {
    for (const item of value) members += checkEscaped(item);
    return members;
  }
  for (const name of Object.keys(value)) {
    if (name === '__proto__') refuse('A name is not allowed.');
    checkString(name);
    members += 1 + checkEscaped(value[name] ?? null);
  }
  return members;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Every double beyond 2^53 is an integer that some reader would round, whatever its spelling. */
function checkNumber(value: number): void {
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) refuse('A number is beyond 2^53 - 1.');
}

function checkString(text: string): void {
  if (text.includes('\0')) refuse('A string holds NUL.');
  if (LONE_SURROGATE.test(text)) refuse('A string holds half a surrogate pair.');
}
