import type { Caller } from '../kernel/caller.js';
import { GatewayError } from '../kernel/errors.js';
import type { NewParticipant, ParticipantRow } from '../store/repositories/participants.repository.js';
import type { Store } from '../store/store.js';
import type { Page } from './api/page.js';
import type { MeView, ParticipantFilter, ParticipantsApi, ParticipantView, RegisteredView } from './api/participants.js';

/** The people of a tenant, shadows included. */
export class Participants implements ParticipantsApi {
  constructor(private readonly store: Pick<Store, 'read'>) {}

  async me(caller: Caller): Promise<MeView> {
    const { ctx, role } = caller;
    const row = await this.#row(caller);
    return { ...participantView(row), role, tenant: { id: ctx.tenantId, slug: ctx.slug, name: ctx.name, features: ctx.features } };
  }

  async register(caller: Caller): Promise<RegisteredView> {
    const { participant_id, display_name } = await this.#row(caller);
    return { participant_id, tenant_id: caller.ctx.tenantId, display_name };
  }

  async directory({ ctx }: Caller, filter: ParticipantFilter): Promise<Page<ParticipantView>> {
    const rows = await this.store.read(ctx, ({ participants }) =>
      participants.list(ctx, { text: filter.q, type: filter.type, status: 'active', includeForeign: filter.includeFederated, limit: filter.limit, offset: filter.offset }),
    );
    return { items: rows.map(participantView), total: rows[0]?.total ?? 0 };
  }

  async #row({ ctx, participantId }: Caller): Promise<ParticipantRow> {
    const row = await this.store.read(ctx, ({ participants }) => participants.find(ctx, participantId));
    if (row === undefined) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', participantId);
    return row;
  }
}

export function participantView(row: NewParticipant): ParticipantView {
  return {
    id: row.participant_id,
    local_id: row.local_id,
    server_name: row.server_name,
    display_name: row.display_name,
    participant_type: row.participant_type,
    avatar_url: row.avatar_url,
  };
}
