import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { parseFqid, parseInvitationId, parseLocalId, parseLogName, parseParticipantId, parseServerName } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import type { TenantContext } from '../../../src/kernel/tenant-context.js';
import { retention } from '../../../src/lanes/duties.js';
import type { InvitationStatus } from '../../../src/store/repositories/invitations.repository.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { newTenant, peerProcess, type PeerProcess } from '../../support/peer-world.js';
import { TestClock } from '../../support/test-clock.js';

const HOME = parseServerName('home.example');
const PERSON = parseParticipantId('00000000-0000-4000-8000-000000000001');
const FACTS = { name: null, topic: null, type: 'group' as const, member_count: 1, reason: null, seen: { seq: 1, hash: '' } };

describe('what has aged out', () => {
  let database: TestDatabase;
  let clock: TestClock;
  let node: PeerProcess;
  let ctx: TenantContext;

  before(async () => {
    database = await freshDatabase();
    clock = new TestClock();
    node = peerProcess({ database, clock, source: () => Promise.reject(new Error('nothing is fetched here')) });
    ctx = await newTenant(node, 'o.example');
    await node.store.transact(ctx, ({ participants }) =>
      participants.add(ctx, {
        participant_id: PERSON, participant_type: 'human', local_id: parseLocalId('ann'),
        server_name: ctx.serverName, display_name: 'Ann', avatar_url: null, foreign_origin: null, scaikey_subject: 'ann', created_at: 1,
      }),
    );
  });
  after(() => database.drop());

  const retain = (): Promise<boolean> => retention({ store: node.store, clock })(ctx, new AbortController().signal);

  const invite = (status: InvitationStatus, createdAt: number): Promise<void> =>
    node.store.transact(ctx, ({ invitations }) =>
      invitations.save(ctx, {
        invitation_id: parseInvitationId(`inv-${randomUUID()}`), participant_id: PERSON, log_name: parseLogName(`!room-${randomUUID()}:home.example`),
        home: HOME, inviter: parseFqid('@host:home.example'), facts: FACTS, status, changed_seq: 1, created_at: createdAt,
      }),
    );
  const kept = async (): Promise<readonly string[]> => (await database.asOwner<{ status: string }>('select status from invitations order by status')).map(({ status }) => status);

  it('of invitations are the ended ones, after thirty days, and no other', async () => {
    const ended: readonly InvitationStatus[] = ['declined', 'revoked', 'refused'];
    for (const status of [...ended, 'open', 'accepted'] as const) await invite(status, clock.nowMs() - LIMITS.endedInvitationKeptMs - 1);
    await invite('declined', clock.nowMs() - LIMITS.endedInvitationKeptMs + 60_000);
    expect(await retain()).to.equal(false);
    expect(await kept()).to.deep.equal(['accepted', 'declined', 'open']);
  });

  it('is not a decline that its home has not heard yet', async () => {
    await database.asOwner("update invitations set decline_state = 'pending', created_at = 1 where status = 'declined'");
    await retain();
    expect(await kept()).to.include('declined');
    await database.asOwner('update invitations set decline_state = null');
    await retain();
    expect(await kept()).to.deep.equal(['accepted', 'open']);
  });
});
