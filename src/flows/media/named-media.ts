import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/events.js';
import { parseMediaId, type MediaId } from '../../kernel/ids.js';
import type { Store } from '../../store/store.js';

/** Files that a content names. */
const NAMING = ['media_id', 'thumbnail_id'] as const;

/** Naming a file in a message lets its readers read the file, so only those who may read it themselves may name it. */
export class NamedMedia {
  constructor(private readonly store: Pick<Store, 'read'>) {}

  /** Throws SW_MEDIA_NOT_FOUND. */
  async check({ ctx, participantId }: Caller, content: JsonObject): Promise<void> {
    for (const id of namedIn(content)) {
      const row = await this.store.read(ctx, ({ media }) => media.readable(ctx, participantId, id));
      if (row === undefined) throw new GatewayError('SW_MEDIA_NOT_FOUND', id);
    }
  }
}

/** What is not an id of ours is free text like everything in a content. */
function namedIn(content: JsonObject): readonly MediaId[] {
  return NAMING.flatMap((member) => {
    const named = content[member];
    return typeof named === 'string' && named.startsWith('med-') ? [parseMediaId(named)] : [];
  });
}
