import type { Caller } from '../../kernel/caller.js';

export interface Authenticator {
  /** Throws SW_AUTH_INVALID_TOKEN, SW_AUTH_EXPIRED_TOKEN, SW_TENANT_NOT_FOUND or SW_TENANT_SUSPENDED. */
  authenticate(token: string, requestId: string): Promise<Caller>;
}
