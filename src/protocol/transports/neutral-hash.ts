import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../kernel/events.js';
import type { BridgeMessage, MessageRef } from './transport.js';

/**
 * Equal for every telling of the same message: however its bytes were written, by whatever name its author goes by now,
 * whenever and by whichever way it came.
 */
export function neutralHash(message: BridgeMessage): Buffer {
  const { type, sender, content, threadId, replyTo, target } = message;
  return hash('sha256', JSON.stringify([type, sender.externalId, sorted(content), threadId, nameOf(replyTo), nameOf(target)]), 'buffer');
}

/** The listener's name may have been learnt between two tellings, the speaker's is always there. */
function nameOf(ref: MessageRef | null): string | null {
  return ref?.speakerId ?? ref?.listenerId ?? null;
}

/** JSON has no order of members, so the hash must not have one either. */
function sorted(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map(sorted);
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name] ?? null)]));
}

function isList(value: JsonObject | readonly JsonValue[]): value is readonly JsonValue[] {
  return Array.isArray(value);
}
