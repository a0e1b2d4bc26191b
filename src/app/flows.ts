import type { Contract } from '../contract/contract.js';
import type { VerifyUserToken } from '../verify/user-token.js';
import { RoomSnapshots } from '../admit/room-snapshots.js';
import { Appender } from '../flows/appender.js';
import { ReadAudit } from '../flows/audit/read-audit.js';
import { ChangeRoom } from '../flows/change-room.js';
import { ErasedCopies } from '../flows/erased-copies.js';
import { AnswerPeer } from '../flows/federation/answer-peer.js';
import { AppendTalk } from '../flows/federation/append-talk.js';
import { ApplyRun } from '../flows/federation/apply-run.js';
import { DismissPeers } from '../flows/federation/dismiss-peers.js';
import { FederationAdmin } from '../flows/federation/federation-admin.js';
import { LeaveFrozen } from '../flows/federation/leave-frozen.js';
import { PullBackfill } from '../flows/federation/pull-backfill.js';
import { FreezeMirror } from '../flows/federation/freeze-mirror.js';
import { OneLog } from '../flows/federation/one-log.js';
import { ReceiveSend } from '../flows/federation/receive-send.js';
import { RefreshProfile } from '../flows/federation/refresh-profile.js';
import { TakeInvitation } from '../flows/federation/take-invitation.js';
import { TakeRun } from '../flows/federation/take-run.js';
import { TakeStart } from '../flows/federation/take-start.js';
import { TakeSubmissions } from '../flows/federation/take-submissions.js';
import { Followers } from '../flows/followers.js';
import { Invitations } from '../flows/invitations.js';
import { KnownPeers } from '../flows/known-peers.js';
import { NamedMedia } from '../flows/media/named-media.js';
import { MakePerson } from '../flows/make-person.js';
import { Messages } from '../flows/messages.js';
import { OwnEvents } from '../flows/own-events.js';
import { Participants } from '../flows/participants.js';
import { People } from '../flows/people.js';
import { PlaceEvent } from '../flows/place-event.js';
import { Plans } from '../flows/plans.js';
import { PresenceFlow } from '../flows/presence.js';
import { FoundRoom } from '../flows/rooms/found-room.js';
import { Members } from '../flows/rooms/members.js';
import { RoomViews } from '../flows/rooms/room-view.js';
import { Rooms } from '../flows/rooms/rooms.js';
import { Stream } from '../flows/stream.js';
import { Sync } from '../flows/sync.js';
import { WatchCaller } from '../flows/watch-caller.js';
import { Fleet } from '../flows/tenancy/fleet.js';
import { FleetPlaces } from '../flows/tenancy/fleet-places.js';
import { Tenants } from '../flows/tenants.js';
import { UnreachedHome } from '../lanes/unreached-home.js';
import { HomeWord } from '../verify/proven-run.js';
import type { TenantDirectory } from '../store/tenant-directory.js';
import type { Peering } from './peering.js';
import type { Services } from './services.js';
import type { Basics, Storage } from './storage.js';

export interface FlowParts extends Basics {
  readonly storage: Storage;
  readonly services: Services;
  readonly peering: Peering;
  readonly contract: Contract;
  readonly verifyToken: VerifyUserToken;
}

export interface Core {
  readonly tenants: TenantDirectory;
  readonly tenantMaker: Tenants;
  readonly makePerson: MakePerson;
  readonly snapshots: RoomSnapshots;
  readonly erasedCopies: ErasedCopies;
  readonly ownEvents: OwnEvents;
  readonly changeRoom: ChangeRoom;
  readonly placeEvent: PlaceEvent;
  readonly foundRoom: FoundRoom;
}

export interface PeopleFlows {
  readonly views: RoomViews;
  readonly knownPeers: KnownPeers;
  readonly people: People;
  readonly rooms: Rooms;
  readonly members: Members;
  readonly messages: Messages;
  readonly sync: Sync;
  readonly stream: Stream;
  readonly invitations: Invitations;
  readonly participants: Participants;
  readonly presence: PresenceFlow;
  readonly plans: Plans;
  readonly audit: ReadAudit;
}

export interface FederationFlows {
  readonly federationServer: AnswerPeer;
  readonly federationAdmin: FederationAdmin;
}

/** What every use-case stands on: how an event gets into a room. */
export function composeCore({ storage, services, peering, clock, timers, randomness, log }: FlowParts): Core {
  const { store, vault } = storage;
  const { wake } = services;
  const { tenants } = peering;
  const tenantMaker = new Tenants({ store, tenants, fleetPlaces: new FleetPlaces(store, new Fleet(store)), ownKeys: peering.ownKeys, vault, clock, randomness, wake });
  const makePerson = new MakePerson({ clock, randomness });
  const snapshots = new RoomSnapshots(store);
  const erasedCopies = new ErasedCopies();
  const ownEvents = new OwnEvents(peering.ownKeys, clock, randomness);
  const appender = new Appender(store, clock, wake, log);
  const changeRoom = new ChangeRoom({ store, snapshots, erasedCopies, clock, wake });
  const placeEvent = new PlaceEvent({ store, tenants, snapshots, appender, changeRoom, unreachedHome: new UnreachedHome({ store, timers, log }), clock });
  const foundRoom = new FoundRoom({ store, changeRoom, ownEvents, clock, randomness });
  return { tenants, tenantMaker, makePerson, snapshots, erasedCopies, ownEvents, changeRoom, placeEvent, foundRoom };
}

/** What people do. */
export function composePeople(parts: FlowParts, core: Core): PeopleFlows {
  const { storage, services, peering, clock, timers, randomness, log, verifyToken } = parts;
  const { store } = storage;
  const { wake, streams, cache } = services;
  const views = new RoomViews(store);
  const knownPeers = new KnownPeers(peering.tenants, peering.directory);
  const followers = new Followers(store, wake, timers, log);
  const watchCaller = new WatchCaller({ store, tenants: core.tenants, timers, log });
  const members = new Members({ ...core, store, views, knownPeers });
  return {
    views,
    knownPeers,
    members,
    people: new People({ verifyToken, tenants: core.tenants, store, makePerson: core.makePerson, clock }),
    rooms: new Rooms({ ...core, store, views, knownPeers }),
    messages: new Messages({ ...core, store, namedMedia: new NamedMedia(store) }),
    sync: new Sync(store, followers, watchCaller, timers),
    stream: new Stream({ store, followers, streams, watchCaller, timers }),
    invitations: new Invitations({ ...core, store, members, clock, randomness, wake }),
    participants: new Participants(store),
    presence: new PresenceFlow(store, cache, streams),
    plans: new Plans({ store, streams, clock, randomness }),
    audit: new ReadAudit(store),
  };
}

/** What servers ask of us, and what administrators decide about them. */
export function composeFederation(parts: FlowParts, core: Core, { views, knownPeers }: PeopleFlows): FederationFlows {
  const { storage, services, peering, contract, clock, log, meter } = parts;
  const { store } = storage;
  const { wake } = services;
  const homeWord = new HomeWord(peering.directory, peering.eventKeys, clock);
  const freezeMirror = new FreezeMirror({ ...core, ...peering, store, clock, log, meter });
  const taking = { ...core, ...peering, store, homeWord, contract, clock, wake, log, meter, freezeMirror };
  const takeRun = new TakeRun({ ...taking, appendTalk: new AppendTalk(taking), applyRun: new ApplyRun(core.erasedCopies) });
  const receiveSend = new ReceiveSend({
    ...taking,
    takeRun,
    takeStart: new TakeStart(taking),
    takeInvitation: new TakeInvitation(taking),
    takeSubmissions: new TakeSubmissions({ ...taking, oneLog: new OneLog(taking) }),
  });
  const refreshProfile = new RefreshProfile(store, peering.directory, peering.client, contract);
  return {
    federationServer: new AnswerPeer({ ...peering, store, contract, clock, receiveSend }),
    federationAdmin: new FederationAdmin({
      ...core,
      ...peering,
      tenants: core.tenants,
      store,
      clock,
      views,
      knownPeers,
      dismissPeers: new DismissPeers(store, core.ownEvents, core.placeEvent),
      pullBackfill: new PullBackfill({ ...peering, tenants: core.tenants, store, contract, takeRun }),
      leaveFrozen: new LeaveFrozen({ ...core, store, wake }),
      refreshProfile,
    }),
  };
}
