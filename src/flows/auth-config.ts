import { GatewayError } from '../kernel/errors.js';
import type { AuthApi, AuthConfigView } from './api/participants.js';

/** Where a client gets its token; documented paths of ScaiKey. */
export class AuthConfig implements AuthApi {
  constructor(
    private readonly scaikeyUrl: string | undefined,
    private readonly redirectUri: string | null,
  ) {}

  async config(): Promise<AuthConfigView> {
    if (this.scaikeyUrl === undefined) throw new GatewayError('SW_NOT_FOUND', 'no identity provider is configured');
    return {
      issuer: this.scaikeyUrl,
      authorization_endpoint: `${this.scaikeyUrl}/api/v1/platform/oauth/authorize`,
      token_endpoint: `${this.scaikeyUrl}/api/v1/platform/oauth/token`,
      scopes_supported: ['openid', 'profile', 'email'],
      redirect_uri: this.redirectUri,
    };
  }
}
