import { invitationIdOf } from '../../kernel/derived-ids.js';
import { GatewayError } from '../../kernel/errors.js';
import type { Membership } from '../../kernel/events.js';
import { localIdOf, serverOf, type Fqid, type ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Clock, Wake } from '../../kernel/ports.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import { admitEntry } from '../../admit/admit-entry.js';
import type { CarriedKeys } from '../../peering/carried-keys.js';
import { hashText } from '../../protocol/chain.js';
import type { UnverifiedInvitation } from '../../protocol/invitation.js';
import type { ItemResult } from '../../protocol/send-answer.js';
import type { ParticipantRow } from '../../store/repositories/participants.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { HomeWord } from '../../verify/proven-run.js';
import type { RunSource } from './take-run.js';

export interface TakeInvitationDeps {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly homeWord: Pick<HomeWord, 'verifyInvitation'>;
  readonly carriedKeys: Pick<CarriedKeys, 'read'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly wake: Pick<Wake, 'hint'>;
}

/** News of our own people in a room that is not here: they are invited, or no longer, or banned. */
export class TakeInvitation {
  constructor(private readonly deps: TakeInvitationDeps) {}

  async run(source: RunSource, invitation: UnverifiedInvitation, keys: readonly string[]): Promise<ItemResult> {
    const { ctx, origin, policy } = source;
    const { room } = invitation.head;
    if (serverOf(room) !== origin) throw new GatewayError('SW_FED_NOT_HOME', `${room} by ${origin}`);
    await this.deps.store.read(ctx, (repositories) => requirePerson(ctx, repositories, invitation));
    const proven = await this.deps.homeWord.verifyInvitation(ctx, invitation, origin, () => this.deps.carriedKeys.read(ctx, room, keys));
    const { withheld } = admitEntry({ ctx, policy, usage: undefined }, proven);
    if (withheld !== undefined) throw new GatewayError('SW_FED_POLICY', `invitation withheld: ${withheld}`);
    const result = await this.deps.store.transact(ctx, async (repositories): Promise<ItemResult> => {
      const haveSeq = await behind(ctx, repositories, invitation);
      if (haveSeq !== undefined) return { status: 'gap', have_seq: haveSeq };
      await this.#keep(source, repositories, invitation);
      return { status: 'accepted' };
    });
    this.deps.wake.hint({ kind: 'log', tenantId: ctx.tenantId });
    return result;
  }

  async #keep({ ctx, origin }: RunSource, repositories: Repositories, invitation: UnverifiedInvitation): Promise<void> {
    const { entry, head, about } = invitation;
    const { event } = entry.event;
    const target = event.content['target'] as Fqid;
    const membership = event.content['membership'] as Membership;
    const person = await requirePerson(ctx, repositories, invitation);
    const known = await repositories.invitations.findFor(ctx, event.room, person.participant_id);
    if (known !== undefined && known.changed_seq >= entry.seq) return;
    if (membership !== 'invite') {
      if (known?.status === 'open') await repositories.invitations.change(ctx, known.invitation_id, { status: 'revoked' });
      return;
    }
    if (known === undefined || known.status === 'accepted') await requirePlace(ctx, repositories, origin);
    const { reason } = event.content;
    await repositories.invitations.save(ctx, {
      invitation_id: invitationIdOf(ctx.tenantId, event.room, target),
      participant_id: person.participant_id,
      log_name: event.room,
      home: origin,
      inviter: event.sender,
      facts: {
        name: about.name,
        topic: about.topic,
        type: about.type,
        member_count: about.member_count,
        reason: typeof reason === 'string' ? reason : null,
        seen: { seq: head.seq, hash: hashText(head.hash) },
      },
      status: 'open',
      changed_seq: entry.seq,
      created_at: this.deps.clock.nowMs(),
    });
  }
}

/** Where our copy ends, if the person is inside there and entries are missing that must have put them out. */
async function behind(ctx: TenantContext, repositories: Repositories, invitation: UnverifiedInvitation): Promise<number | undefined> {
  const { entry, head } = invitation;
  const room = await repositories.rooms.findByLog(ctx, head.room);
  if (room?.phase !== 'mirrored' || room.frozen !== null || entry.seq <= room.head_seq + 1) return undefined;
  const { participant_id: person } = await requirePerson(ctx, repositories, invitation);
  return (await repositories.members.find(ctx, room.room_id, person))?.membership === 'join' ? room.head_seq : undefined;
}

async function requirePerson(ctx: TenantContext, { participants }: Repositories, { entry }: UnverifiedInvitation): Promise<ParticipantRow> {
  const target = entry.event.event.content['target'] as Fqid;
  if (serverOf(target) !== ctx.serverName) throw new GatewayError('SW_FED_EVENT_INVALID', `about ${target}`);
  const person = await participants.findByName(ctx, localIdOf(target), ctx.serverName);
  if (person === undefined) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', target);
  return person;
}

/** What a home made us keep is bounded, whatever it took back since: what has ended gives way to what is new. */
async function requirePlace(ctx: TenantContext, { invitations }: Repositories, home: ServerName): Promise<void> {
  const over = (await invitations.countOfHome(ctx, home)) + 1 - LIMITS.invitationsPerHomeMax;
  if (over <= 0 || (await invitations.forgetEndedOfHome(ctx, home, over)) >= over) return;
  throw new GatewayError('SW_FED_CAPACITY', `invitations of ${home}`);
}
