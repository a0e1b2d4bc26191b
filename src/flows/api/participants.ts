import type { Caller } from '../../kernel/caller.js';
import type { Features } from '../../kernel/tenant-context.js';
import type { Page, PageRequest } from './page.js';

export const PARTICIPANT_TYPES = ['human', 'model', 'agent', 'helper', 'bridge', 'federated'] as const;
export type ParticipantType = (typeof PARTICIPANT_TYPES)[number];
export const PARTICIPANT_STATUSES = ['active', 'deactivated'] as const;
export type ParticipantStatus = (typeof PARTICIPANT_STATUSES)[number];

export interface ParticipantView {
  readonly id: string;
  readonly local_id: string;
  readonly server_name: string;
  readonly display_name: string;
  readonly participant_type: ParticipantType;
  readonly avatar_url: string | null;
}

export interface MeView extends ParticipantView {
  readonly role: string;
  readonly tenant: {
    readonly id: string;
    readonly slug: string;
    readonly name: string;
    readonly features: Features;
  };
}

export interface AuthConfigView {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly scopes_supported: readonly string[];
  readonly redirect_uri: string | null;
}

export interface RegisteredView {
  readonly participant_id: string;
  readonly tenant_id: string;
  readonly display_name: string;
}

export interface ParticipantFilter extends PageRequest {
  readonly q: string | null;
  readonly type: ParticipantType | null;
  readonly includeFederated: boolean;
}

export interface ParticipantsApi {
  me(caller: Caller): Promise<MeView>;
  /** The caller's participant, which their first call has made. */
  register(caller: Caller): Promise<RegisteredView>;
  directory(caller: Caller, filter: ParticipantFilter): Promise<Page<ParticipantView>>;
}

export interface AuthApi {
  /** Where a client gets a token; the same for every tenant of the node. */
  config(): Promise<AuthConfigView>;
}
