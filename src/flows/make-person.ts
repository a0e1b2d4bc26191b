import { hash } from 'node:crypto';
import { GatewayError } from '../kernel/errors.js';
import { parseLocalId, parseParticipantId, type LocalId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';
import { localIdSlug } from '../kernel/local-ids.js';
import type { Clock, Randomness } from '../kernel/ports.js';
import type { TenantContext } from '../kernel/tenant-context.js';
import { clean, webAddress } from '../rehome/shadows.js';
import type { ParticipantRow } from '../store/repositories/participants.repository.js';
import type { Repositories } from '../store/store.js';

const OWN_MARK_CHARS = 8;

/** What is known of somebody of ScaiKey who has no participant yet. */
export interface Newcomer {
  readonly subject: string;
  readonly username: string | undefined;
  readonly email: string | undefined;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | null | undefined;
}

export interface MakePersonDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
}

/** Makes the participant of somebody of ScaiKey. The name wished for goes to whoever comes first, and is never given again. */
export class MakePerson {
  constructor(private readonly deps: MakePersonDeps) {}

  /** Finds the participant too when somebody else was quicker. */
  async within(ctx: TenantContext, { participants }: Pick<Repositories, 'participants'>, newcomer: Newcomer): Promise<ParticipantRow> {
    const wished = localIdFor(newcomer);
    for (let attempt = 1; attempt <= LIMITS.nameAttemptsMax; attempt += 1) {
      const localId = parseLocalId(`${wished}${markOf(attempt, newcomer.subject)}`);
      await participants.add(ctx, {
        participant_id: parseParticipantId(this.deps.randomness.uuid()),
        participant_type: 'human',
        local_id: localId,
        server_name: ctx.serverName,
        display_name: clean(newcomer.displayName) ?? localId,
        avatar_url: webAddress(newcomer.avatarUrl),
        foreign_origin: null,
        scaikey_subject: newcomer.subject,
        created_at: this.deps.clock.nowMs(),
      });
      const person = await participants.findBySubject(ctx, newcomer.subject);
      if (person !== undefined) return person;
    }
    throw new GatewayError('SW_TENANT_NAME_TAKEN', `no free local id like ${wished}`);
  }
}

/** From what the person calls themselves, as far as it can be written in Latin letters and digits. */
function localIdFor({ username = '', email = '', subject }: Newcomer): LocalId {
  return localIdSlug(username, email.split('@')[0] ?? '', subject);
}

/** The last mark is a person's own, so that nobody is kept out by those who came before. */
function markOf(attempt: number, subject: string): string {
  if (attempt === 1) return '';
  return attempt < LIMITS.nameAttemptsMax ? `-${attempt}` : `-${hash('sha256', subject, 'hex').slice(0, OWN_MARK_CHARS)}`;
}
