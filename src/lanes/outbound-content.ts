import { cutText } from '../kernel/cut-text.js';
import type { JsonObject, JsonValue } from '../kernel/events.js';
import { LIMITS } from '../kernel/limits.js';

const OURS: ReadonlySet<string> = new Set(['mentions', 'reply_to_event_id']);
const CUT = '…';

/** What a message says to those outside: a text always, and nothing that only we can read. */
export function outboundContent(content: JsonObject, textCharsMax: number): JsonObject {
  const kept = Object.entries(content).filter(([name]) => !name.startsWith('_') && !OURS.has(name));
  const { msgtype: given, body, ...rest }: JsonObject = Object.fromEntries<JsonValue>(kept);
  const msgtype = typeof given === 'string' && given !== '' ? cutText(given, LIMITS.msgtypeCharsMax) : 'swp.text';
  const text = typeof body === 'string' && body !== '' ? body : `[${msgtype}]`;
  return { ...rest, msgtype, body: shortened(text, textCharsMax) };
}

function shortened(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : cutText(text, charsMax - CUT.length) + CUT;
}
