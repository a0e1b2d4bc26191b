import type { JsonObject, JsonValue } from '../kernel/events.js';
import type { BridgeSender } from '../protocol/transports/transport.js';
import { clean, webAddress } from './shadows.js';

/** Written between the sign and the word, so that the text reads the same and calls nobody. */
const QUIET = '\u200b';
/** Anywhere in a text, since some platforms look inside words as well; only an address of electronic mail is left alone. */
const MASS_MENTION = /@(?=(?:everyone|here|channel|room|all)(?![\p{L}\p{N}_]))(?:(?<![\p{L}\p{N}_.+-]@)|(?!\p{L}+\.[\p{L}\p{N}]))/giu;

/** Text of strangers never calls a whole room. */
export function quietMentions(text: string): string {
  return text.replace(MASS_MENTION, `@${QUIET}`);
}

/**
 * What a message from behind a bridge says here. Mentions, relations and names that begin with `_` are ours to write;
 * the person who spoke stands in `_imported_sender`.
 */
export function bridgedContent(content: JsonObject | null, sender: BridgeSender, policy: { readonly massMentions: boolean }): JsonObject {
  const kept = Object.entries(content ?? {}).filter(([name]) => !name.startsWith('_') && name !== 'mentions' && name !== 'reply_to_event_id');
  const said: JsonObject = Object.fromEntries<JsonValue>(kept);
  return { ...(policy.massMentions ? said : quiet(said)), _imported_sender: importedSender(sender) };
}

function importedSender({ externalId, displayName, avatarUrl }: BridgeSender): JsonObject {
  return { external_id: externalId, display_name: clean(displayName) ?? clean(externalId) ?? 'somebody', avatar_url: webAddress(avatarUrl) };
}

/** In every text of the content, however deep: which of them a client shows is not known here. */
function quiet(content: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(content).map(([name, value]) => [name, quietValue(value)]));
}

function quietValue(value: JsonValue): JsonValue {
  if (typeof value === 'string') return quietMentions(value);
  if (typeof value !== 'object' || value === null) return value;
  return isList(value) ? value.map(quietValue) : quiet(value);
}

function isList(value: JsonObject | readonly JsonValue[]): value is readonly JsonValue[] {
  return Array.isArray(value);
}
