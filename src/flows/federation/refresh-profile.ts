import type { Contract } from '../../contract/contract.js';
import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import type { ParticipantId } from '../../kernel/ids.js';
import type { PeerClient } from '../../peering/signed-call.js';
import type { PeerDirectory } from '../../peering/peer-directory.js';
import { readProfile } from '../../protocol/queries.js';
import { clean, webAddress } from '../../rehome/shadows.js';
import type { Store } from '../../store/store.js';
import type { ParticipantView } from '../api/participants.js';
import { participantView } from '../participants.js';

/** Fetches a foreign person's profile, and with it whatever keys their server shows now. */
export class RefreshProfile {
  constructor(
    private readonly store: Pick<Store, 'read' | 'transact'>,
    private readonly directory: Pick<PeerDirectory, 'refresh'>,
    private readonly client: Pick<PeerClient, 'call'>,
    private readonly contract: Contract,
  ) {}

  async run(caller: Caller, participant: ParticipantId): Promise<ParticipantView> {
    const { ctx } = caller;
    const row = await this.store.read(ctx, ({ participants }) => participants.find(ctx, participant));
    if (row === undefined || row.participant_type !== 'federated') throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', participant);
    const { trust } = await this.directory.refresh(ctx, row.server_name);
    if (trust === 'frozen') throw new GatewayError('SW_FED_PEER_FROZEN', row.server_name);
    const answer = await this.client.call(ctx, row.server_name, 'GET', `/_scaiwave/federation/v1/profile/${row.local_id}`);
    if (answer.status !== 200) throw new GatewayError(answer.code ?? 'SW_FED_PEER_UNREACHABLE', `profile answered ${answer.status}`);
    const profile = readProfile(this.contract, answer.body);
    return this.store.transact(ctx, async ({ participants, audit }) => {
      await audit.append(ctx, actBy(caller, 'federation.profile_refreshed', participant, { server_name: row.server_name }));
      await participants.describe(ctx, participant, { displayName: clean(profile.display_name) ?? row.local_id, avatarUrl: webAddress(profile.avatar_url) });
      return participantView((await participants.find(ctx, participant)) ?? row);
    });
  }
}
