import { GatewayError } from '../../kernel/errors.js';
import type { Caller } from '../../kernel/caller.js';
import type { RoomId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import { peerOfConsumer } from '../../lanes/peer-lane.js';
import type { LaneRow } from '../../store/repositories/lanes.repository.js';
import type { Store } from '../../store/store.js';
import type { RoomFederationView, RoomPeerView, WithheldPlaceView } from '../api/federation-admin.js';

/** How far the log of a room has come here, how far every other server has proved to have it, and what is missing in it. */
export async function roomFederation(store: Pick<Store, 'read'>, { ctx }: Caller, roomId: RoomId): Promise<RoomFederationView> {
  const { room, peers, withheld, leftOut } = await store.read(ctx, async ({ rooms, lanes, log }) => ({
    room: await rooms.find(ctx, roomId),
    peers: await lanes.listOfPeers(ctx, roomId),
    withheld: await log.lastWithheld(ctx, roomId, LIMITS.withheldShownMax),
    leftOut: await lanes.lastWithheld(ctx, roomId, LIMITS.withheldShownMax),
  }));
  if (room === undefined) throw new GatewayError('SW_ROOM_NOT_FOUND', roomId);
  return {
    room_id: roomId,
    room_alias: room.log_name,
    home: room.home,
    phase: room.phase,
    federated: room.federated,
    frozen: room.frozen,
    proof: room.frozen_proof,
    own_proof: room.frozen_own_proof,
    head: { seq: room.head_seq, hash: room.head_hash.toString('hex') },
    withheld,
    peers: peers.map((lane) => peerView(lane, leftOut.flatMap(({ consumer_id: id, seq, code }) => (id === lane.consumer_id ? [{ seq, code }] : [])))),
  };
}

function peerView(lane: LaneRow, withheld: readonly WithheldPlaceView[]): RoomPeerView {
  const { receipt, receipt_hash: hash, receipt_jws: jws } = lane;
  return {
    server_name: peerOfConsumer(lane.consumer_id),
    carries: lane.mode === 'submit' ? 'submissions' : lane.mode === 'invited' ? 'invitations' : 'log',
    receipt: receipt === null || hash === null || jws === null ? null : { seq: receipt, hash: hash.toString('hex'), jws },
    withheld,
    frozen: lane.frozen,
    proof: lane.proof,
    own_proof: lane.own_proof,
  };
}
