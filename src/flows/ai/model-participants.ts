import { isDeepStrictEqual } from 'node:util';
import type { ModelSlug } from '../../kernel/ai-settings.js';
import { actBy } from '../../kernel/audit.js';
import type { Caller } from '../../kernel/caller.js';
import { GatewayError } from '../../kernel/errors.js';
import { parseParticipantId, type LocalId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import { isReservedLocalId } from '../../kernel/local-ids.js';
import type { Clock, Randomness } from '../../kernel/ports.js';
import { clean } from '../../rehome/shadows.js';
import type { ModelParticipantRow } from '../../store/repositories/model-participants.repository.js';
import type { NewParticipant } from '../../store/repositories/participants.repository.js';
import type { Repositories, Store } from '../../store/store.js';
import type { ModelParticipantChange, ModelParticipantView, NewModelParticipant } from '../api/ai.js';
import { participantView } from '../participants.js';

export interface ModelParticipantsDeps {
  readonly store: Pick<Store, 'transact'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly randomness: Pick<Randomness, 'uuid'>;
}

/** Those as whom models take part. One of each model is its main one, by which the catalogue knows it. */
export class ModelParticipants {
  constructor(private readonly deps: ModelParticipantsDeps) {}

  configure(caller: Caller, model: ModelSlug, change: ModelParticipantChange): Promise<ModelParticipantView> {
    const { ctx } = caller;
    return this.deps.store.transact(ctx, async (repositories) => {
      await repositories.ai.lockSettings(ctx);
      const main = await repositories.modelParticipants.main(ctx, model);
      if (main === undefined) return this.#add(caller, repositories, model, complete(change), true);
      return describe(caller, repositories, main, change);
    });
  }

  create(caller: Caller, model: ModelSlug, participant: NewModelParticipant): Promise<ModelParticipantView> {
    const { ctx } = caller;
    return this.deps.store.transact(ctx, async (repositories) => {
      await repositories.ai.lockSettings(ctx);
      return this.#add(caller, repositories, model, participant, false);
    });
  }

  /** Making one costs nobody a seat: it counts as everybody does, once it joins a room. */
  async #add(caller: Caller, repositories: Repositories, model: ModelSlug, wanted: NewModelParticipant, isMain: boolean): Promise<ModelParticipantView> {
    const { ctx } = caller;
    const { modelParticipants, participants, audit } = repositories;
    if ((await modelParticipants.count(ctx)) >= LIMITS.modelParticipantsMax) throw new GatewayError('SW_TENANT_CAPACITY', 'model participants');
    const row: NewParticipant = {
      participant_id: parseParticipantId(this.deps.randomness.uuid()),
      participant_type: 'model',
      local_id: free(wanted.localId),
      server_name: ctx.serverName,
      display_name: clean(wanted.displayName) ?? wanted.localId,
      avatar_url: null,
      foreign_origin: null,
      scaikey_subject: null,
      created_at: this.deps.clock.nowMs(),
    };
    if (!(await participants.add(ctx, row))) throw new GatewayError('SW_TENANT_NAME_TAKEN', row.local_id);
    const facts: ModelParticipantRow = {
      participant_id: row.participant_id,
      model,
      is_main: isMain,
      system_prompt: wanted.systemPrompt ?? null,
      default_response_mode: wanted.responseMode ?? 'conversational',
      enabled: wanted.enabled ?? true,
    };
    await modelParticipants.add(ctx, facts);
    await audit.append(ctx, actBy(caller, 'ai.participant_created', row.participant_id, { local_id: row.local_id, model }));
    return viewOf(row, facts);
  }
}

/** A local id belongs to its first owner for good, so it is not among what can be changed. */
async function describe(caller: Caller, { modelParticipants, participants, audit }: Repositories, before: ModelParticipantRow, change: ModelParticipantChange): Promise<ModelParticipantView> {
  const { ctx } = caller;
  const person = await participants.find(ctx, before.participant_id);
  if (person === undefined) throw new GatewayError('SW_PARTICIPANT_NOT_FOUND', before.participant_id);
  if (change.localId !== undefined && change.localId !== person.local_id) throw refused(`local_id stays ${person.local_id}.`);
  const displayName = clean(change.displayName) ?? person.display_name;
  const after: ModelParticipantRow = {
    ...before,
    system_prompt: change.systemPrompt === undefined ? before.system_prompt : change.systemPrompt,
    default_response_mode: change.responseMode ?? before.default_response_mode,
    enabled: change.enabled ?? before.enabled,
  };
  if (displayName === person.display_name && isDeepStrictEqual(after, before)) return viewOf(person, before);
  await audit.append(ctx, actBy(caller, 'ai.participant_configured', before.participant_id, { parts: Object.keys(change).sort() }));
  await participants.describe(ctx, person.participant_id, { displayName, avatarUrl: person.avatar_url });
  await modelParticipants.change(ctx, after);
  return viewOf({ ...person, display_name: displayName }, after);
}

/** The first configuration names whom it makes. */
function complete({ localId, displayName, ...rest }: ModelParticipantChange): NewModelParticipant {
  if (localId === undefined) throw refused('local_id is needed to make the participant.');
  return { ...rest, localId, displayName: displayName ?? localId };
}

function free(localId: LocalId): LocalId {
  if (isReservedLocalId(localId)) throw new GatewayError('SW_TENANT_NAME_TAKEN', localId);
  return localId;
}

function refused(publicDetail: string): GatewayError {
  return new GatewayError('SW_BAD_REQUEST', publicDetail, { publicDetail });
}

function viewOf(person: NewParticipant, facts: ModelParticipantRow): ModelParticipantView {
  return {
    ...participantView(person),
    model_id: facts.model,
    system_prompt: facts.system_prompt,
    default_response_mode: facts.default_response_mode,
    enabled: facts.enabled,
  };
}
