import { expect } from 'chai';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import type { TurnOutcome } from '../../../src/lanes/write-turn.js';
import type { LaneRow } from '../../../src/store/repositories/lanes.repository.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import type { LaneRoom } from '../../support/lane-world.js';
import type { PeerProcess } from '../../support/peer-world.js';
import type { ScriptedPeer } from '../../support/scripted-peer.js';
import { reply } from '../../support/scripted-peer.js';
import { PeerLaneWorld } from '../../support/peer-lane-world.js';

describe('The lane to a peer, when the request as a whole fails', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  let stage: PeerLaneWorld;
  let peer: ScriptedPeer;
  let parts: PeerProcess;
  let ctx: TenantContext;
  let consumer: string;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    stage = await PeerLaneWorld.on(database);
    ({ peer, parts, ctx, consumer } = stage);
  });

  const turn = (): Promise<TurnOutcome | undefined> => stage.turn();
  const laneOf = (room: LaneRoom): Promise<LaneRow> => stage.laneOf(room);
  const mirrored = (texts: number): Promise<LaneRoom> => stage.mirrored(texts);
  const dueIn = async (): Promise<number> => {
    const [row] = await database.asOwner<{ s: number }>('select extract(epoch from due_at - now())::float8 as s from consumers where tenant_id = $1 and consumer_id = $2', [ctx.tenantId, consumer]);
    return row?.s ?? 0;
  };

  it('counts an attempt and leaves every cursor', async () => {
    const room = await mirrored(2);
    peer.whole = () => 'away';
    expect(await turn()).to.equal('failed');
    expect(await turn()).to.equal('failed');
    const row = await parts.store.read(ctx, ({ consumers }) => consumers.find(ctx, consumer));
    expect(row).to.include({ attempts: 2, last_error: 'SW_FED_PEER_UNREACHABLE' });
    expect((await laneOf(room)).cursor).to.equal(0);
    peer.whole = undefined;
    expect(await turn()).to.equal('idle');
    expect(await parts.store.read(ctx, ({ consumers }) => consumers.find(ctx, consumer))).to.include({ attempts: 0, last_error: null, failing_since: null });
  });

  it('waits as long as it is told, and an hour where the answer is final or awaits an administrator', async () => {
    await mirrored(1);
    peer.whole = () => reply(429, { error: { code: 'SW_RATE_LIMIT_EXCEEDED', message: '' } }, { 'retry-after': '120' });
    await turn();
    expect(await dueIn()).to.be.within(115, 121);
    for (const code of ['SW_FED_PEER_DENIED', 'SW_FED_PEER_FROZEN']) {
      peer.whole = () => reply(409, { error: { code: 'SW_FED_CAPACITY', message: '' } });
      await turn();
      expect(await dueIn(), 'it may pass').to.be.below(60);
      peer.whole = () => reply(403, { error: { code, message: '' } });
      await turn();
      expect(await dueIn(), code).to.be.within(3_590, 3_601);
    }
  });

  it('tries a peer that is heard once, and waits as long as before when that fails too', async () => {
    await mirrored(1);
    peer.whole = () => 'away';
    await turn();
    await database.asOwner("update consumers set attempts = 20, due_at = now() + interval '1 hour' where tenant_id = $1 and consumer_id = $2", [ctx.tenantId, consumer]);
    expect(await stage.turnIfDue(), 'it waits').to.equal(undefined);

    const heard = () => parts.verifier.verify(peer.fake.call(ctx.serverName));
    await heard();
    expect(await stage.turnIfDue()).to.equal('failed');
    expect(await parts.store.read(ctx, ({ consumers }) => consumers.find(ctx, consumer))).to.include({ attempts: 21, last_error: 'SW_FED_PEER_UNREACHABLE' });
    expect(await dueIn()).to.be.within(3_590, 3_601);

    await heard();
    expect(await stage.turnIfDue(), 'one try, however often it is heard').to.equal(undefined);
  });

  it('sends parcel by parcel what is refused for its content, and blames one room only', async () => {
    const [bad, good] = [await mirrored(1), await mirrored(1)];
    peer.whole = ({ items }) => (items.some((item) => 'room' in item && item.room.includes(bad.roomId)) ? reply(400, { error: { code: 'SW_BAD_SCHEMA', message: '' } }) : undefined);
    await turn();
    expect((await laneOf(good)).cursor).to.equal(1);
    expect(await laneOf(bad)).to.include({ cursor: 0, refused_code: 'SW_BAD_SCHEMA' });
  });

  it('blames no room of a peer that is broken for all', async () => {
    const rooms = [await mirrored(1), await mirrored(1)];
    peer.whole = () => reply(500, { error: { code: 'SW_INTERNAL', message: '' } });
    for (let n = 0; n < 12; n += 1) expect(await turn()).to.equal('failed');
    for (const room of rooms) expect(await laneOf(room)).to.include({ cursor: 0, refused_code: null, frozen: null });
    expect(await database.asOwner('select 1 from lane_withheld where tenant_id = $1', [ctx.tenantId])).to.deep.equal([]);
  });

  it('takes an answer with too few results for no answer', async () => {
    const room = await mirrored(1);
    peer.whole = (batch) => reply(200, { data: { batch_id: batch.batch_id, results: [] } });
    expect(await turn()).to.equal('failed');
    expect((await laneOf(room)).cursor).to.equal(0);
  });
});
