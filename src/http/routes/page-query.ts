import { LIMITS } from '../../kernel/limits.js';
import { whole, withDefault } from '../read.js';

/** How every list is paged. */
export const PAGE_QUERY = {
  limit: withDefault(whole(1, LIMITS.listPageMax), LIMITS.listPageDefault),
  offset: withDefault(whole(0, LIMITS.listOffsetMax), 0),
};
