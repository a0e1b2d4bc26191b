import { parseKeyId, parseLocalId, parseLogName } from '../../src/kernel/ids.js';
import { EVERY_ACT } from '../../src/kernel/audit.js';
import { aiSettingsOf, parseModelSlug } from '../../src/kernel/ai-settings.js';
import { IDS, LOGS, type Ask } from '../support/twins.js';
import { ACT, ATTEMPT, HASH, HEAD_HASH, ITEM, MODEL_PARTICIPANT, MOVE, NEW, NEW_ROOM, PAGE, PLAN, ROOM, RUN_ITEM, SEARCH, SETTLED, SETTLEMENT, SIDEKICK } from './repository-arguments.js';

/** One call of every method, with arguments that fit rows of both twins. */
export const CASES: Readonly<Record<string, Ask>> = {
  'AiRepository.sealedKey': ({ ai }, ctx) => ai.sealedKey(ctx),
  'AiRepository.settings': ({ ai }, ctx) => ai.settings(ctx),
  'AiRepository.lockSettings': ({ ai }, ctx) => ai.lockSettings(ctx),
  'AiRepository.saveSettings': ({ ai }, ctx) => ai.saveSettings(ctx, aiSettingsOf({})),
  'AiRepository.setSealedKey': ({ ai }, ctx) => ai.setSealedKey(ctx, HASH),
  'AiRepository.hastenUsage': ({ ai }, ctx) => ai.hastenUsage(ctx),
  'AiRepository.usage': ({ ai }, ctx) => ai.usage(ctx),
  'AiRepository.claimUsage': ({ ai }, ctx) => ai.claimUsage(ctx, 10, 20),
  'AiRepository.saveUsage': ({ ai }, ctx) => ai.saveUsage(ctx, { month: '2031-02', tokens: 6, asOfMs: 6 }),
  'AiRepository.failUsage': ({ ai }, ctx) => ai.failUsage(ctx, 'SW_AI_UNAVAILABLE', 5, 20),
  'AuditRepository.append': async ({ audit }, ctx) => [await audit.append(ctx, ACT), await audit.flush()],
  'AuditRepository.flush': async ({ audit }, ctx) => {
    for (const actor of ['cli', 'system'] as const) await audit.append(ctx, { ...ACT, actor });
    return audit.flush();
  },
  'AuditRepository.page': ({ audit }, ctx) => audit.page(ctx, EVERY_ACT, null, 10),
  'AuditRepository.run': ({ audit }, ctx) => audit.run(ctx, EVERY_ACT, 0, 10, 10),
  'AuditRepository.head': ({ audit }, ctx) => audit.head(ctx),

  'BridgeMapRepository.add': ({ bridgeMap }, ctx) => bridgeMap.add(ctx, IDS.bridge, 'another', IDS.edit),
  'BridgeMapRepository.addMany': ({ bridgeMap }, ctx) => bridgeMap.addMany(ctx, [{ bridge: IDS.bridge, externalId: 'another', eventId: IDS.edit }]),
  'BridgeMapRepository.eventOf': ({ bridgeMap }, ctx) => bridgeMap.eventOf(ctx, IDS.bridge, 'external'),
  'BridgeMapRepository.externalIdOf': ({ bridgeMap }, ctx) => bridgeMap.externalIdOf(ctx, IDS.bridge, IDS.message),

  'BridgeSecretsRepository.list': ({ bridgeSecrets }, ctx) => bridgeSecrets.list(ctx, [IDS.bridge]),
  'BridgeSecretsRepository.add': ({ bridgeSecrets }, ctx) => bridgeSecrets.add(ctx, { bridge_id: IDS.bridge, ordinal: 2, sealed_secret: HASH, created_at: 1 }),
  'BridgeSecretsRepository.retire': ({ bridgeSecrets }, ctx) => bridgeSecrets.retire(ctx, IDS.bridge, 100, 50),
  'BridgeSecretsRepository.countUses': ({ bridgeSecrets }, ctx) => bridgeSecrets.countUses(ctx, IDS.bridge, 1, 3, 50),

  'BridgesRepository.add': ({ bridges }, ctx) =>
    bridges.add(ctx, {
      bridge_id: NEW.bridge, room_id: IDS.room, participant_id: IDS.person, fqid: IDS.fqid, name: 'new', transport: 'custom', direction: 'in', outbound_webhook: null, settings: {}, channel: 'c', created_at: 1,
    }),
  'BridgesRepository.find': ({ bridges }, ctx) => bridges.find(ctx, IDS.bridge),
  'BridgesRepository.lock': ({ bridges }, ctx) => bridges.lock(ctx, IDS.bridge),
  'BridgesRepository.hold': ({ bridges }, ctx) => bridges.hold(ctx, IDS.bridge),
  'BridgesRepository.list': ({ bridges }, ctx) => bridges.list(ctx, 10, 0),
  'BridgesRepository.inRoom': ({ bridges }, ctx) => bridges.inRoom(ctx, IDS.room, [IDS.bridge]),
  'BridgesRepository.change': ({ bridges }, ctx) => bridges.change(ctx, IDS.bridge, { state: 'paused', paused_reason: 'a test' }),
  'BridgesRepository.remove': ({ bridges }, ctx) => bridges.remove(ctx, IDS.bridge),

  'ConsumersRepository.ensure': ({ consumers }, ctx) => consumers.ensure(ctx, 'peer:c.example', 'peer'),
  'ConsumersRepository.find': ({ consumers }, ctx) => consumers.find(ctx, IDS.peerConsumer),
  'ConsumersRepository.list': ({ consumers }, ctx) => consumers.list(ctx, 'peer'),
  'ConsumersRepository.wake': ({ consumers }, ctx) => consumers.wake(ctx, ['idle']),
  'ConsumersRepository.probe': ({ consumers }, ctx) => consumers.probe(ctx, 'waiting'),
  'ConsumersRepository.hasten': ({ consumers }, ctx) => consumers.hasten(ctx, IDS.peerConsumer),
  'ConsumersRepository.restart': ({ consumers }, ctx) => consumers.restart(ctx, IDS.peerConsumer),
  'ConsumersRepository.hold': async ({ consumers }, ctx) => [await consumers.hold(ctx, IDS.peerConsumer), await consumers.find(ctx, IDS.peerConsumer)],
  'ConsumersRepository.remove': ({ consumers }, ctx) => consumers.remove(ctx, 'idle'),
  'ConsumersRepository.dispatch': ({ consumers }, ctx) => consumers.dispatch(ctx, [{ room_id: IDS.room, waiting: false }]),
  'ConsumersRepository.head': ({ consumers }, ctx) => consumers.head(ctx),
  'ConsumersRepository.dispatched': ({ consumers }, ctx) => consumers.dispatched(ctx, 100),
  'ConsumersRepository.claim': ({ consumers }, ctx) => consumers.claim(ctx, IDS.peerConsumer, 30_000),
  'ConsumersRepository.wakeAll': ({ consumers }, ctx) => consumers.wakeAll(ctx),
  'ConsumersRepository.postponeDue': ({ consumers }, ctx) => consumers.postponeDue(ctx, 60_000),
  'ConsumersRepository.renew': async ({ consumers }, ctx) => [await consumers.claim(ctx, IDS.peerConsumer, 30_000), await consumers.renew(ctx, IDS.peerConsumer, 6, 60_000)],
  'ConsumersRepository.settle': ({ consumers }, ctx) => consumers.settle(ctx, IDS.peerConsumer, 5, SETTLEMENT),

  'DeliveriesRepository.begin': ({ deliveries }, ctx) => deliveries.begin(ctx, ATTEMPT),
  'DeliveriesRepository.settle': ({ deliveries }, ctx) => deliveries.settle(ctx, IDS.bridge, IDS.message, SETTLED),
  'DeliveriesRepository.park': ({ deliveries }, ctx) => deliveries.park(ctx, IDS.bridge, IDS.message, 'a test', 9, 99),
  'DeliveriesRepository.withdraw': ({ deliveries }, ctx) => deliveries.withdraw(ctx, IDS.bridge, IDS.message),
  'DeliveriesRepository.addRefused': ({ deliveries }, ctx) =>
    deliveries.addRefused(ctx, { delivery_id: `dlv-${NEW.rejection}` as typeof IDS.delivery, bridge_id: IDS.bridge, event_id: IDS.refused, last_error: 'a test', updated_at: 9, expires_at: 99 }),
  'DeliveriesRepository.find': ({ deliveries }, ctx) => deliveries.find(ctx, IDS.bridge, IDS.delivery),
  'DeliveriesRepository.findByEvent': ({ deliveries }, ctx) => deliveries.findByEvent(ctx, IDS.bridge, IDS.message),
  'DeliveriesRepository.list': ({ deliveries }, ctx) => deliveries.list(ctx, IDS.bridge, { state: null, ...PAGE }),
  'DeliveriesRepository.replays': ({ deliveries }, ctx) => deliveries.replays(ctx, IDS.bridge, 10, 10),
  'DeliveriesRepository.replay': ({ deliveries }, ctx) => deliveries.replay(ctx, IDS.bridge, IDS.delivery, 9),
  'DeliveriesRepository.hasten': ({ deliveries }, ctx) => deliveries.hasten(ctx, IDS.bridge, 9),
  'DeliveriesRepository.parkAll': ({ deliveries }, ctx) => deliveries.parkAll(ctx, IDS.bridge, 'a test', 9, 99),
  'DeliveriesRepository.erase': ({ deliveries }, ctx) => deliveries.erase(ctx, [IDS.message]),
  'DeliveriesRepository.expire': ({ deliveries }, ctx) => deliveries.expire(ctx, 50, 10),

  'IntervalsRepository.open': ({ intervals }, ctx) => intervals.open(ctx, IDS.room, NEW.server, 1),
  'IntervalsRepository.close': ({ intervals }, ctx) => intervals.close(ctx, IDS.room, IDS.peer, 3),
  'IntervalsRepository.list': ({ intervals }, ctx) => intervals.list(ctx, IDS.room, IDS.peer),

  'ErasureClaimsRepository.note': ({ erasureClaims }, ctx) => erasureClaims.note(ctx, IDS.room, [{ seq: 3, redactedBy: 9 }]),
  'ErasureClaimsRepository.takeDue': ({ erasureClaims }, ctx) => erasureClaims.takeDue(ctx, IDS.room, 4),
  'ErasureClaimsRepository.powerBefore': async ({ erasureClaims, log }, ctx) => {
    const power = { ...ITEM, type: 'swp.room.power_levels', target: IDS.fqid, content: { power_level: 5 } };
    return [await log.append(ctx, [power], 9, 10), await erasureClaims.powerBefore(ctx, IDS.room, IDS.fqid, 9, 0)];
  },

  'InvitationsRepository.save': ({ invitations }, ctx) =>
    invitations.save(ctx, {
      invitation_id: NEW.invitation, participant_id: IDS.person, log_name: parseLogName(`!${NEW.room}:b.example`), home: IDS.peer, inviter: IDS.foreign, status: 'open', changed_seq: 1, created_at: 1,
      facts: { name: null, topic: null, type: 'group', member_count: 1, reason: null, seen: { seq: 1, hash: '' } },
    }),
  'InvitationsRepository.find': ({ invitations }, ctx) => invitations.find(ctx, IDS.invitation),
  'InvitationsRepository.findFor': ({ invitations }, ctx) => invitations.findFor(ctx, LOGS.invited, IDS.person),
  'InvitationsRepository.list': ({ invitations }, ctx) => invitations.list(ctx, IDS.person, { limit: 200, offset: 0 }),
  'InvitationsRepository.here': ({ invitations }, ctx) => invitations.here(ctx, IDS.person, IDS.mirror),
  'InvitationsRepository.roomsHere': ({ invitations }, ctx) => invitations.roomsHere(ctx, IDS.person, null, 200),
  'InvitationsRepository.countOfHome': ({ invitations }, ctx) => invitations.countOfHome(ctx, IDS.peer),
  'InvitationsRepository.forgetEndedOfHome': async ({ invitations }, ctx) => {
    await invitations.change(ctx, IDS.invitation, { status: 'declined' });
    return invitations.forgetEndedOfHome(ctx, IDS.peer, 10);
  },
  'InvitationsRepository.change': ({ invitations }, ctx) => invitations.change(ctx, IDS.invitation, { status: 'declined' }),
  'InvitationsRepository.expire': async ({ invitations }, ctx) => {
    await invitations.change(ctx, IDS.invitation, { status: 'declined' });
    return invitations.expire(ctx, 2_000_000_000_000, 10);
  },
  'InvitationsRepository.declining': ({ invitations }, ctx) => invitations.declining(ctx, IDS.peer, 10),

  'LanesRepository.open': ({ lanes }, ctx) => lanes.open(ctx, { room_id: IDS.room, consumer_id: IDS.peerConsumer, mode: 'start', cursor: 1 }),
  'LanesRepository.find': ({ lanes }, ctx) => lanes.find(ctx, IDS.room, IDS.peerConsumer),
  'LanesRepository.listOfConsumer': ({ lanes }, ctx) => lanes.listOfConsumer(ctx, IDS.peerConsumer),
  'LanesRepository.listOfPeers': ({ lanes }, ctx) => lanes.listOfPeers(ctx, IDS.room),
  'LanesRepository.end': ({ lanes }, ctx) => lanes.end(ctx, IDS.room, IDS.peerConsumer, 3),
  'LanesRepository.change': ({ lanes }, ctx) => lanes.change(ctx, IDS.room, IDS.peerConsumer, { cursor: 3 }),
  'LanesRepository.freeze': ({ lanes }, ctx) => lanes.freeze(ctx, IDS.room, IDS.peerConsumer, { proof: 'new', ownProof: 'new' }),
  'LanesRepository.close': ({ lanes }, ctx) => lanes.close(ctx, IDS.mirror, IDS.peerConsumer),
  'LanesRepository.due': ({ lanes }, ctx) => lanes.due(ctx, IDS.peerConsumer, SEARCH),
  'LanesRepository.submitting': ({ lanes }, ctx) => lanes.submitting(ctx, IDS.peerConsumer, SEARCH, 10),
  'LanesRepository.untold': ({ lanes }, ctx) => lanes.untold(ctx, IDS.peerConsumer, 10),
  'LanesRepository.failureOfHome': ({ lanes }, ctx) => lanes.failureOfHome(ctx, IDS.mirror),
  'LanesRepository.nextTime': ({ lanes }, ctx) => lanes.nextTime(ctx, IDS.peerConsumer, 500, 1_000),
  'LanesRepository.move': ({ lanes }, ctx) => lanes.move(ctx, IDS.peerConsumer, [MOVE], 9),
  'LanesRepository.withheld': ({ lanes }, ctx) => lanes.withheld(ctx, IDS.room, IDS.peerConsumer, 1, 10),
  'LanesRepository.lastWithheld': ({ lanes }, ctx) => lanes.lastWithheld(ctx, IDS.room, 10),

  'LogRepository.append': ({ log }, ctx) => log.append(ctx, [ITEM], 50, 1_000),
  'LogRepository.appendRun': ({ log }, ctx) => log.appendRun(ctx, { roomId: IDS.mirror, nowMs: 50, firstSeq: 2, prevHash: HEAD_HASH, items: [RUN_ITEM] }),
  'LogRepository.appendJudgedRun': ({ log }, ctx) => log.appendJudgedRun(ctx, { roomId: IDS.mirror, nowMs: 50, firstSeq: 2, prevHash: HEAD_HASH, items: [RUN_ITEM], epoch: 1, mirrorBytesMax: 1_000_000 }),
  'LogRepository.tellWaiting': ({ log }, ctx) => log.tellWaiting(ctx, IDS.mirror, 'SW_NEW'),
  'LogRepository.refusePending': ({ log }, ctx) => log.refusePending(ctx, [{ eventId: IDS.pending, reason: 'SW_NEW' }]),
  'LogRepository.erase': ({ log }, ctx) => log.erase(ctx, IDS.room, IDS.message, 5),
  'LogRepository.erasedWith': async ({ log }, ctx) => [await log.erase(ctx, IDS.room, IDS.message, 5), await log.erasedWith(ctx, IDS.room, [IDS.message])],
  'LogRepository.find': ({ log }, ctx) => log.find(ctx, IDS.room, IDS.message),
  'LogRepository.findMany': ({ log }, ctx) => log.findMany(ctx, [IDS.message]),
  'LogRepository.firstWithheld': ({ log }, ctx) => log.firstWithheld(ctx, IDS.mirror),
  'LogRepository.lastWithheld': ({ log }, ctx) => log.lastWithheld(ctx, IDS.mirror, 10),
  'LogRepository.withheldBetween': ({ log }, ctx) => log.withheldBetween(ctx, IDS.mirror, 1, 10),
  'LogRepository.lastReaction': ({ log }, ctx) => log.lastReaction(ctx, IDS.room, IDS.message, IDS.fqid, '+'),
  'LogRepository.run': ({ log }, ctx) => log.run(ctx, IDS.room, 0, 10),
  'LogRepository.memberRun': ({ log }, ctx) => log.memberRun(ctx, IDS.room, 0, IDS.peer, 10),
  'LogRepository.stateSize': ({ log }, ctx) => log.stateSize(ctx, IDS.room, 4),
  'LogRepository.stateAt': ({ log }, ctx) => log.stateAt(ctx, IDS.room, 4),
  'LogRepository.at': ({ log }, ctx) => log.at(ctx, IDS.room, 2),
  'LogRepository.pending': ({ log }, ctx) => log.pending(ctx, IDS.mirror, 10),
  'LogRepository.submissions': ({ log }, ctx) => log.submissions(ctx, IDS.mirror, 0, 10),
  'LogRepository.after': ({ log }, ctx) => log.after(ctx, 0, 100),
  'LogRepository.position': ({ log }, ctx) => log.position(ctx),
  'LogRepository.roomsBetween': ({ log }, ctx) => log.roomsBetween(ctx, 0, 100),

  'MediaRepository.begin': ({ media }, ctx) => media.begin(ctx, { media_id: NEW.media, participant_id: IDS.person, bytes: 1, name: 'new', created_at: 1 }, 1_000),
  'MediaRepository.countUploading': ({ media }, ctx) => media.countUploading(ctx),
  'MediaRepository.extend': ({ media }, ctx) => media.extend(ctx, IDS.unfinished, 7, 1_000),
  'MediaRepository.settle': ({ media }, ctx) => media.settle(ctx, IDS.unfinished, { bytes: 7, mime_type: 'text/plain', sha256: HASH, tenant_scope: true }),
  'MediaRepository.erase': ({ media }, ctx) => media.erase(ctx, IDS.media),
  'MediaRepository.forget': ({ media }, ctx) => media.forget(ctx, [IDS.erasing]),
  'MediaRepository.lock': ({ media }, ctx) => media.lock(ctx, IDS.media),
  'MediaRepository.lockAbandoned': ({ media }, ctx) => media.lockAbandoned(ctx, 10),
  'MediaRepository.erasing': ({ media }, ctx) => media.erasing(ctx, 10),
  'MediaRepository.known': async ({ media }, ctx) => [...(await media.known(ctx, [IDS.media]))],
  'MediaRepository.readable': ({ media }, ctx) => media.readable(ctx, IDS.person, IDS.media),
  'MediaRepository.find': ({ media }, ctx) => media.find(ctx, IDS.media),
  'MediaRepository.list': ({ media }, ctx) => media.list(ctx, null, PAGE),
  'MediaRepository.noteErased': ({ media }, ctx) => media.noteErased(ctx, IDS.room, IDS.message),
  'MediaRepository.noted': ({ media }, ctx) => media.noted(ctx, 10),
  'MediaRepository.strikeNotes': async ({ media }, ctx) => media.strikeNotes(ctx, await media.noted(ctx, 10)),
  'MediaRepository.lockUnnamed': async ({ media }, ctx, tx) => [await tx.prepared('unname', "update entries set content = '{}' where tenant_id = $1", [ctx.tenantId]), await media.lockUnnamed(ctx, [IDS.media])],

  'MembersRepository.set': ({ members }, ctx) =>
    members.set(ctx, { roomId: IDS.room, participantId: IDS.foreigner, fqid: IDS.foreign, server: IDS.peer, membership: 'ban', invitedBy: null, atMs: 9, seq: 9 }),
  'MembersRepository.setPower': ({ members }, ctx) => members.setPower(ctx, IDS.room, IDS.foreign, 50),
  'MembersRepository.find': ({ members }, ctx) => members.find(ctx, IDS.room, IDS.person),
  'MembersRepository.list': ({ members }, ctx) => members.list(ctx, IDS.room, PAGE),
  'MembersRepository.one': ({ members }, ctx) => members.one(ctx, IDS.room, IDS.person),
  'MembersRepository.openSpans': ({ members }, ctx) => members.openSpans(ctx, IDS.person, null),
  'MembersRepository.countBridgesOf': ({ members }, ctx) => members.countBridgesOf(ctx, IDS.mirror, IDS.peer),
  'MembersRepository.countForeignJoined': ({ members }, ctx) => members.countForeignJoined(ctx, IDS.room),
  'MembersRepository.countInvitedBy': ({ members }, ctx) => members.countInvitedBy(ctx, IDS.mirror, IDS.foreign),
  'MembersRepository.countJoined': ({ members }, ctx) => members.countJoined(ctx, IDS.room),
  'MembersRepository.countOfServer': ({ members }, ctx) => members.countOfServer(ctx, IDS.room, IDS.peer, ['join']),
  'MembersRepository.roomsOfServer': ({ members }, ctx) => members.roomsOfServer(ctx, IDS.peer, ['join']),
  'MembersRepository.shareRoom': ({ members }, ctx) => members.shareRoom(ctx, IDS.person, IDS.peer),
  'MembersRepository.forgetInside': ({ members }, ctx) => members.forgetInside(ctx, IDS.room, 50),
  'MembersRepository.openSpan': ({ members }, ctx) => members.openSpan(ctx, IDS.mirror, IDS.person, 20),
  'MembersRepository.closeSpan': ({ members }, ctx) => members.closeSpan(ctx, IDS.room, IDS.person, 20),

  'ModelParticipantsRepository.mains': ({ modelParticipants }, ctx) => modelParticipants.mains(ctx),
  'ModelParticipantsRepository.main': ({ modelParticipants }, ctx) => modelParticipants.main(ctx, parseModelSlug('maker/model')),
  'ModelParticipantsRepository.count': ({ modelParticipants }, ctx) => modelParticipants.count(ctx),
  'ModelParticipantsRepository.add': ({ modelParticipants }, ctx) => modelParticipants.add(ctx, { ...MODEL_PARTICIPANT, participant_id: IDS.foreigner, is_main: false }),
  'ModelParticipantsRepository.change': ({ modelParticipants }, ctx) => modelParticipants.change(ctx, MODEL_PARTICIPANT),

  'ParticipantsRepository.add': ({ participants }, ctx) =>
    participants.add(ctx, {
      participant_id: NEW.participant, participant_type: 'human', local_id: parseLocalId('new'), server_name: IDS.server, display_name: 'new', avatar_url: null, foreign_origin: null, scaikey_subject: 'usr_new', created_at: 1,
    }),
  'ParticipantsRepository.find': ({ participants }, ctx) => participants.find(ctx, IDS.person),
  'ParticipantsRepository.findByName': ({ participants }, ctx) => participants.findByName(ctx, IDS.local, IDS.server),
  'ParticipantsRepository.findBySubject': ({ participants }, ctx) => participants.findBySubject(ctx, 'usr_1'),
  'ParticipantsRepository.findBySubjects': ({ participants }, ctx) => participants.findBySubjects(ctx, ['usr_1']),
  'ParticipantsRepository.setStatus': ({ participants }, ctx) => participants.setStatus(ctx, IDS.person, 'deactivated'),
  'ParticipantsRepository.describe': ({ participants }, ctx) => participants.describe(ctx, IDS.person, { displayName: 'new', avatarUrl: null }),
  'ParticipantsRepository.list': ({ participants }, ctx) => participants.list(ctx, { text: null, type: null, status: null, includeForeign: true, ...PAGE }),
  'ParticipantsRepository.countFrom': ({ participants }, ctx) => participants.countFrom(ctx, IDS.peer),
  'ParticipantsRepository.lock': async ({ participants, log }, ctx) => [await participants.lock(ctx, [IDS.local]), await log.position(ctx)],
  'ParticipantsRepository.countJoin': ({ participants }, ctx) => participants.countJoin(ctx, IDS.person, 1),

  'PartnersRepository.add': async ({ partners }, ctx) => {
    const added = { partner_id: NEW.partner, name: 'new', status: 'active' as const, limits: { max_tenants: 1 }, created_at: 1 };
    return [await partners.add(ctx, added), await partners.find(ctx, NEW.partner)];
  },
  'PartnersRepository.find': ({ partners }, ctx) => partners.find(ctx, IDS.partner),
  'PartnersRepository.lock': ({ partners }, ctx) => partners.lock(ctx, IDS.partner),
  'PartnersRepository.change': ({ partners }, ctx) => partners.change(ctx, IDS.partner, { name: 'changed', status: 'suspended', limits: { max_tenants: 2 } }),

  'PeersRepository.find': ({ peers }, ctx) => peers.find(ctx, IDS.peer),
  'PeersRepository.lock': ({ peers }, ctx) => peers.lock(ctx, IDS.peer),
  'PeersRepository.add': ({ peers }, ctx) => peers.add(ctx, { server_name: NEW.server, trust: 'first-use', serial: 1, descriptor: {}, fetched_at: 1 }),
  'PeersRepository.count': ({ peers }, ctx) => peers.count(ctx),
  'PeersRepository.forgetUnused': async ({ peers }, ctx) => {
    await peers.add(ctx, { server_name: NEW.server, trust: 'first-use', serial: 1, descriptor: {}, fetched_at: 1 });
    return peers.forgetUnused(ctx, 0, IDS.peer);
  },
  'PeersRepository.list': ({ peers }, ctx) => peers.list(ctx),
  'PeersRepository.save': ({ peers }, ctx) => peers.save(ctx, { server_name: IDS.peer, trust: 'pinned', serial: 2, descriptor: {}, candidate: null, fetched_at: 2 }),
  'PeersRepository.seen': ({ peers }, ctx) => peers.seen(ctx, IDS.peer, 9),
  'RoomKeysRepository.find': ({ roomKeys }, ctx) => roomKeys.find(ctx, LOGS.mirror, [IDS.peer]),
  'RoomKeysRepository.count': ({ roomKeys }, ctx) => roomKeys.count(ctx, LOGS.mirror),
  'RoomKeysRepository.save': ({ roomKeys }, ctx) => roomKeys.save(ctx, IDS.mirror, { server_name: IDS.peer, serial: 2, descriptor: { jws: 'new' } }, 'of-one', 9),
  'PeersRepository.failed': ({ peers }, ctx) => peers.failed(ctx, IDS.peer, 'a test', 9),

  'PlansRepository.add': ({ plans }, ctx) => plans.add(ctx, { ...PLAN, plan_id: 'plan-new', number: 3, state: 'done' }),
  'PlansRepository.list': ({ plans }, ctx) => plans.list(ctx, IDS.room, 10),
  'PlansRepository.lockCurrent': ({ plans }, ctx) => plans.lockCurrent(ctx, IDS.room),
  'PlansRepository.change': ({ plans }, ctx) => plans.change(ctx, 'plan-1', { state: 'paused', updated_at: 9, ended_at: null }),
  'PlansRepository.prune': ({ plans }, ctx) => plans.prune(ctx, IDS.room, 1),

  'RejectionsRepository.add': ({ rejections }, ctx) =>
    rejections.add(ctx, [{ rejection_id: NEW.rejection, server_name: IDS.peer, code: 'SW_NEW', item: 'event', room: null, event_hash: null, bytes: 1, created_at: 1, expires_at: 2 }]),
  'RejectionsRepository.list': ({ rejections }, ctx) => rejections.list(ctx, 10, 0),
  'RejectionsRepository.count': ({ rejections }, ctx) => rejections.count(ctx),
  'RejectionsRepository.expire': ({ rejections }, ctx) => rejections.expire(ctx, 50, 10),

  'RelayRepository.hold': ({ relay }, ctx) => relay.hold(ctx, IDS.room, IDS.message),
  'RelayRepository.ahead': ({ relay }, ctx) => relay.ahead(ctx, IDS.room, IDS.bridge, 0, 10),
  'RelayRepository.lastEdit': ({ relay }, ctx) => relay.lastEdit(ctx, IDS.room, IDS.message, 10),
  'RelayRepository.holder': ({ relay }, ctx) => relay.holder(ctx, IDS.room, 'swp.room.member', IDS.foreign),
  'RelayRepository.refused': ({ relay }, ctx) => relay.refused(ctx, IDS.mirror, IDS.bridge, 0, 10),

  'RoomsRepository.create': ({ rooms }, ctx) => rooms.create(ctx, NEW_ROOM),
  'RoomsRepository.createUnlessHeld': async ({ rooms }, ctx) => [await rooms.createUnlessHeld(ctx, NEW_ROOM), await rooms.createUnlessHeld(ctx, NEW_ROOM)],
  'RoomsRepository.find': ({ rooms }, ctx) => rooms.find(ctx, IDS.room),
  'RoomsRepository.findByLog': ({ rooms }, ctx) => rooms.findByLog(ctx, LOGS.room),
  'RoomsRepository.findByDmKey': ({ rooms }, ctx) => rooms.findByDmKey(ctx, IDS.dmKey),
  'RoomsRepository.lock': ({ rooms }, ctx) => rooms.lock(ctx, IDS.room),
  'RoomsRepository.epoch': ({ rooms }, ctx) => rooms.epoch(ctx, IDS.room),
  'RoomsRepository.snapshot': async ({ rooms }, ctx) => {
    const snapshot = await rooms.snapshot(ctx, IDS.room);
    return snapshot === undefined ? undefined : [snapshot.room, [...snapshot.members]];
  },
  'RoomsRepository.withMembers': async ({ rooms }, ctx) => [...(await rooms.withMembers(ctx, ROOM)).members],
  'RoomsRepository.change': ({ rooms }, ctx) => rooms.change(ctx, IDS.room, { name: 'changed' }),
  'RoomsRepository.list': ({ rooms }, ctx) => rooms.list(ctx, { reader: IDS.person, scope: 'directory', ...PAGE }),

  'ScaikeyRepository.noteEvent': ({ scaikey }, ctx) => scaikey.noteEvent(ctx, { eventId: 'evt_new', eventType: 'user.updated', nowMs: 1, expiresAtMs: 2 }),
  'ScaikeyRepository.expireEvents': ({ scaikey }, ctx) => scaikey.expireEvents(ctx, 1_000, 10),
  'ScaikeyRepository.hold': ({ scaikey }, ctx) => scaikey.hold(ctx, 'user', 'usr_2'),
  'ScaikeyRepository.find': ({ scaikey }, ctx) => scaikey.find(ctx, 'user', ['usr_1']),
  'ScaikeyRepository.say': ({ scaikey }, ctx) => scaikey.say(ctx, 'user', 'usr_1', { standing: 'barred', standing_at: 9 }),
  'ScaikeyRepository.saw': ({ scaikey }, ctx) => scaikey.saw(ctx, 'user', ['usr_1', 'usr_2'], 50),
  'ScaikeyRepository.unseen': ({ scaikey }, ctx) => scaikey.unseen(ctx, 'user', ['usr_1', 'usr_2'], 100),
  'ScaikeyRepository.unseenPeople': ({ scaikey }, ctx) => scaikey.unseenPeople(ctx, 'usr_', 100, 10),

  'ScaikeyRunsRepository.find': ({ scaikeyRuns }, ctx) => scaikeyRuns.find(ctx, 'people'),
  'ScaikeyRunsRepository.list': ({ scaikeyRuns }, ctx) => scaikeyRuns.list(ctx),
  'ScaikeyRunsRepository.save': ({ scaikeyRuns }, ctx) => scaikeyRuns.save(ctx, 'people', { page: 4 }),

  'SidekicksRepository.add': ({ sidekicks }, ctx) => sidekicks.add(ctx, { ...SIDEKICK, task_id: NEW.task }),
  'SidekicksRepository.countLive': ({ sidekicks }, ctx) => sidekicks.countLive(ctx, IDS.person),
  'SidekicksRepository.find': ({ sidekicks }, ctx) => sidekicks.find(ctx, IDS.task),
  'SidekicksRepository.list': ({ sidekicks }, ctx) => sidekicks.list(ctx, { roomId: null, spawner: null, liveOnly: false, ...PAGE }),
  'SidekicksRepository.over': ({ sidekicks }, ctx) => sidekicks.over(ctx, Number.MAX_SAFE_INTEGER, 10),
  'SidekicksRepository.toHandOver': ({ sidekicks }, ctx) => sidekicks.toHandOver(ctx, Number.MAX_SAFE_INTEGER, 10),
  'SidekicksRepository.nextDue': async ({ sidekicks }, ctx) => {
    await sidekicks.putOff(ctx, IDS.task, 9);
    return sidekicks.nextDue(ctx);
  },
  'SidekicksRepository.use': ({ sidekicks }, ctx) => sidekicks.use(ctx, IDS.task, { steps: 3, tokens: 9 }),
  'SidekicksRepository.progress': ({ sidekicks }, ctx) => sidekicks.progress(ctx, IDS.task, 'on the way', 9),
  'SidekicksRepository.end': ({ sidekicks }, ctx) => sidekicks.end(ctx, IDS.task, { status: 'done', result: 'r', error: null }, 9),
  'SidekicksRepository.handedOver': ({ sidekicks }, ctx) => sidekicks.handedOver(ctx, IDS.task, 9),
  'SidekicksRepository.putOff': ({ sidekicks }, ctx) => sidekicks.putOff(ctx, IDS.task, 9),
  'SidekicksRepository.untold': ({ sidekicks }, ctx) => sidekicks.untold(ctx, 10),
  'SidekicksRepository.told': ({ sidekicks }, ctx) => sidekicks.told(ctx, IDS.endedTask),
  'SidekicksRepository.expire': async ({ sidekicks }, ctx) => [await sidekicks.told(ctx, IDS.endedTask), await sidekicks.expire(ctx, 50, 10)],

  'SigningKeysRepository.list': ({ signingKeys }, ctx) => signingKeys.list(ctx),
  'SigningKeysRepository.add': ({ signingKeys }, ctx) =>
    signingKeys.add(ctx, { key_id: parseKeyId('key-2'), ordinal: 2, public_key: HASH, sealed_private_key: HASH, not_before: 1, not_after: 2, revoked_at: null, predecessor_signature: null }),
  'SigningKeysRepository.change': ({ signingKeys }, ctx) => signingKeys.change(ctx, IDS.key, { revoked_at: 9 }),

  'TenantsRepository.create': async ({ tenants }) => [
    await tenants.create({ tenantId: NEW.tenant }, { tenantId: NEW.tenant, slug: 'new', name: 'new', scaikeyTenantId: 'new', serverName: NEW.server, partnerId: null, limits: {}, features: {}, createdAtMs: 1 }),
    (await tenants.load({ tenantId: NEW.tenant }))?.ctx.slug,
  ],
  'TenantsRepository.addName': ({ tenants }, ctx) => tenants.addName(ctx, 'slug', 'another'),
  'TenantsRepository.takeName': async ({ tenants }, ctx) => [await tenants.takeName(ctx, 'slug', 'another'), await tenants.takeName(ctx, 'slug', 'another')],
  'TenantsRepository.removeName': ({ tenants }, ctx) => tenants.removeName(ctx, 'slug', 'slug of-one'),
  'TenantsRepository.leavePlaces': ({ tenants }, ctx) => tenants.leavePlaces(ctx, null),
  'TenantsRepository.load': ({ tenants }, ctx) => tenants.load(ctx),
  'TenantsRepository.describe': ({ tenants }, ctx) => tenants.describe(ctx, { name: 'another' }),
  'TenantsRepository.raiseEpoch': ({ tenants }, ctx) => tenants.raiseEpoch(ctx),
  'TenantsRepository.lock': ({ tenants }, ctx) => tenants.lock(ctx),
  'TenantsRepository.setName': ({ tenants }, ctx) => tenants.setName(ctx, 'another'),
  'TenantsRepository.setFeatures': ({ tenants }, ctx) => tenants.setFeatures(ctx, { another: true }),
  'TenantsRepository.setPolicy': ({ tenants }, ctx) =>
    tenants.setPolicy(ctx, { default_mode: 'closed', allowed_peers: [], denied_peers: [], max_foreign_participants_per_room: 1, max_backfill_events_per_request: 1 }),
  'TenantsRepository.setStatus': ({ tenants }, ctx) => tenants.setStatus(ctx, 'suspended'),
  'TenantsRepository.setLimits': ({ tenants }, ctx) => tenants.setLimits(ctx, { max_rooms: 1 }),
  'TenantsRepository.sealedCheck': ({ tenants }, ctx) => tenants.sealedCheck(ctx),
  'TenantsRepository.setSealedCheck': ({ tenants }, ctx) => tenants.setSealedCheck(ctx, HASH),
  'TenantsRepository.descriptorSerial': ({ tenants }, ctx) => tenants.descriptorSerial(ctx),
  'TenantsRepository.raiseDescriptorSerial': ({ tenants }, ctx) => tenants.raiseDescriptorSerial(ctx),

  'TimelineRepository.since': ({ timeline }, ctx) => timeline.since(ctx, IDS.person, 0, 100),
  'TimelineRepository.back': ({ timeline }, ctx) => timeline.back(ctx, IDS.person, IDS.room, 1_000, 10),
  'TimelineRepository.forward': ({ timeline }, ctx) => timeline.forward(ctx, IDS.person, IDS.room, 0, 10),
  'TimelineRepository.one': ({ timeline }, ctx) => timeline.one(ctx, IDS.person, IDS.room, IDS.message),

  'UsageRepository.take': ({ usage }, ctx) => usage.take(ctx, 'rooms', 10),
  'UsageRepository.release': ({ usage }, ctx) => usage.release(ctx, 'rooms'),
  'UsageRepository.takeBytes': ({ usage }, ctx) => usage.takeBytes(ctx, 3, 100),
  'UsageRepository.releaseBytes': ({ usage }, ctx) => usage.releaseBytes(ctx, 3),
  'UsageRepository.countMessages': async ({ usage }, ctx) => [await usage.countMessages(ctx, 11), await usage.countMessages(ctx, 1_000)],
  'UsageRepository.keepMonth': ({ usage }, ctx) => usage.keepMonth(ctx, '2020-01', 7),
  'UsageRepository.unsettledMonth': ({ usage }, ctx) => usage.unsettledMonth(ctx, '2020-03', 12),
  'UsageRepository.settleMonth': ({ usage }, ctx) => usage.settleMonth(ctx, '2020-01', 7),
  'UsageRepository.highest': ({ usage }, ctx) => usage.highest(ctx),
  'UsageRepository.find': ({ usage }, ctx) => usage.find(ctx),
};

/** They span tenants on purpose, as a role that sees few columns; src/store/start-check holds the columns. */
export const SPANNING: readonly string[] = ['tenantByName', 'tenants', 'dirtyTenants', 'eldestActive', 'positions', 'dueConsumers', 'consumersLacking', 'fleet', 'partners', 'fleetPlaces', 'fleetUsage'].map((method) => `SpanningRepository.${method}`);
