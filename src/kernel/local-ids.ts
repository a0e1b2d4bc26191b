import { BRIDGE_LOCAL_ID_PREFIX, parseLocalId, SIDEKICK_LOCAL_ID_PREFIX, VOICE_LOCAL_ID, type LocalId } from './ids.js';
import { LIMITS } from './limits.js';

const MADE_PREFIX = 'person';

/** Names that belong to bridges, to the agents of sidekicks or to the voice of a room's home are nobody's to take. */
export function isReservedLocalId(text: string): boolean {
  return text === VOICE_LOCAL_ID || text.startsWith(BRIDGE_LOCAL_ID_PREFIX) || text.startsWith(SIDEKICK_LOCAL_ID_PREFIX);
}

/**
 * A local id from the first of these words for somebody that leaves something to read, with room left for a mark behind a
 * hyphen. It is never a reserved one, whatever mark comes behind it.
 */
export function localIdSlug(...words: readonly string[]): LocalId {
  const slug = words.map(legible).find((word) => word !== '');
  if (slug === undefined) return parseLocalId(MADE_PREFIX);
  return parseLocalId(isReservedLocalId(slug) || isReservedLocalId(`${slug}-`) ? `${MADE_PREFIX}-${slug}` : slug);
}

function legible(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^a-z0-9._=-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, LIMITS.localNameCharsMax)
    .replace(/-+$/, '');
}
