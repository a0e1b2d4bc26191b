import { EventEmitter, once } from 'node:events';
import { expect } from 'chai';
import fc from 'fast-check';
import type { NewBridgeView } from '../../../src/flows/api/bridges-admin.js';
import { dropBridge } from '../../../src/flows/bridges/close-bridge.js';
import type { Caller } from '../../../src/kernel/caller.js';
import type { RoomId } from '../../../src/kernel/ids.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { signBridgeBody } from '../../../src/protocol/bridge-signature.js';
import { BridgeWorld, nativeMessage } from '../../support/bridge-world.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { outcome } from '../../support/fixtures.js';
import { eventually } from '../../support/gateway.js';
import { TestClock } from '../../support/test-clock.js';

describe('A call of a bridge', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let clock: TestClock;
  let world: BridgeWorld;
  let alice: Caller;
  let room: RoomId;
  let bridge: NewBridgeView;

  before(async () => {
    database = await freshDatabase();
  });
  after(() => database.drop());

  beforeEach(async () => {
    clock = new TestClock(Date.now());
    world = new BridgeWorld(database, clock);
    alice = await world.person(await world.tenant(), 'alice');
    room = await world.room(alice);
    bridge = await world.bridge(alice, room);
  });
  afterEach(() => world.close());

  const bytes = (message: object): Buffer => Buffer.from(JSON.stringify(message));
  const rows = (id: string): Promise<{ sender_id: string; sender: string; foreign_origin: string; content: Record<string, unknown>; via: string[]; relates_to: string | null; event_type: string }[]> =>
    database.asOwner('select * from entries where event_id = $1', [id]);
  const countOf = async (): Promise<number> => {
    const [row] = await database.asOwner<{ n: string }>('select count(*) as n from entries where tenant_id = $1', [alice.ctx.tenantId]);
    return Number(row?.n);
  };

  it('becomes an event of the bridge’s member, in the name of a shadow', async () => {
    const answer = await world.call(bridge, nativeMessage('m-1', 'hello', { sender: { external_id: 'U 123', display_name: 'Ada\u202e', avatar_url: 'javascript:alert(1)' } }));
    expect(answer.status).to.equal('accepted');
    const [row] = await rows(answer.event_id);
    expect(row?.sender).to.equal(`@bridge-${bridge.bridge_id.slice(4)}:${alice.ctx.serverName}`);
    expect(row?.foreign_origin).to.equal(`bridge:${bridge.bridge_id}`);
    expect(row?.content).to.deep.equal({ msgtype: 'swp.text', body: 'hello', _imported_sender: { external_id: 'U 123', display_name: 'Ada', avatar_url: null } });
    const [shadow] = await database.asOwner('select * from participants where participant_id = $1', [row?.sender_id]);
    expect(shadow).to.include({ participant_type: 'bridge', local_id: 'u-123', display_name: 'Ada', foreign_origin: `bridge:${bridge.bridge_id}` });
  });

  describe('is the same 401, and leaves nothing behind,', () => {
    const body = bytes(nativeMessage('m-1', 'hello'));
    const good = (): string => signBridgeBody([bridge.shared_secret], clock.nowMs(), body);
    const parts = (): { t: string; v1: string } => {
      const [t = '', v1 = ''] = good().split(',').map((item) => item.slice(item.indexOf('=') + 1));
      return { t, v1 };
    };
    const WRONG: Readonly<Record<string, () => string | undefined>> = {
      'without a header': () => undefined,
      'without t': () => `v1=${parts().v1}`,
      'with two t': () => `t=${parts().t},${good()}`,
      'with t=Infinity': () => `t=Infinity,v1=${parts().v1}`,
      'with t=1e9': () => `t=1e9,v1=${parts().v1}`,
      'with a signed t': () => `t=+${parts().t},v1=${parts().v1}`,
      'with a fraction': () => `t=${parts().t}.0,v1=${parts().v1}`,
      'with t=-1': () => `t=-1,v1=${parts().v1}`,
      'with an empty t': () => `t=,v1=${parts().v1}`,
      'without v1': () => `t=${parts().t}`,
      'with 63 digits': () => good().slice(0, -1),
      'with 65 digits': () => `${good()}0`,
      'with a letter that is none': () => `${good().slice(0, -1)}g`,
      'with v0 only': () => good().replace('v1=', 'v0='),
      'with base64': () => `t=${parts().t},v1=${Buffer.from(parts().v1, 'hex').toString('base64')}`,
      'with another secret': () => signBridgeBody(['whsec_test_only'], clock.nowMs(), body),
      'with the prefix cut off the secret': () => signBridgeBody([bridge.shared_secret.slice(6)], clock.nowMs(), body),
      '301 seconds late': () => signBridgeBody([bridge.shared_secret], clock.nowMs() - 301_000, body),
      '62 seconds early': () => signBridgeBody([bridge.shared_secret], clock.nowMs() + 62_000, body),
      'over a body with a newline': () => signBridgeBody([bridge.shared_secret], clock.nowMs(), Buffer.concat([body, Buffer.from('\n')])),
      'over a body that was written anew': () => signBridgeBody([bridge.shared_secret], clock.nowMs(), Buffer.from(JSON.stringify(JSON.parse(body.toString()), null, 1))),
    };
    for (const [title, header] of Object.entries(WRONG)) {
      it(title, async () => {
        const before = await countOf();
        expect(await outcome(() => world.raw(bridge.bridge_id, body, header()))).to.equal('SW_BRIDGE_SIGNATURE');
        expect(await countOf()).to.equal(before);
      });
    }

    it('for a bridge that does not exist', async () => {
      expect(await outcome(() => world.raw('brg-00000000-0000-4000-8000-000000000000', body, good()))).to.equal('SW_BRIDGE_SIGNATURE');
    });

    it('for a paused one, a removed one and one of the other direction', async () => {
      await world.admin.pause(alice, world.idOf(bridge));
      expect(await outcome(() => world.raw(bridge.bridge_id, body, undefined))).to.equal('SW_BRIDGE_SIGNATURE');
      await world.admin.remove(alice, world.idOf(bridge));
      expect(await outcome(() => world.raw(bridge.bridge_id, body, good()))).to.equal('SW_BRIDGE_SIGNATURE');
    });
  });

  it('may be 300 seconds late, 60 early, signed twice, and spelled with blanks', async () => {
    const body = bytes(nativeMessage('m-1', 'hello'));
    const signed = (ms: number): string => signBridgeBody([bridge.shared_secret], clock.nowMs() + ms, body);
    const header = signed(0);
    for (const one of [signed(-299_000), signed(59_000), header.replace(',', ' , '), `v9=x,${header}`, header.replace(',', `,v1=${'0'.repeat(64)},`)]) {
      expect(await outcome(() => world.raw(bridge.bridge_id, body, one)), one).to.equal('ok');
    }
  });

  it('twice is one event and the same answer, however its bytes were written', async () => {
    const first = await world.call(bridge, nativeMessage('m-1', 'hello'));
    const second = await world.call(bridge, { content: { body: 'hello', msgtype: 'swp.text' }, sender: { display_name: 'Ada L.', external_id: 'U123' }, event_id: 'm-1' });
    expect(second).to.deep.equal({ ...first, status: 'duplicate' });
  });

  it('twice at once is one event', async () => {
    const before = await countOf();
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.call(bridge, nativeMessage('m-1', 'hello'))));
    expect(new Set(answers.map((answer) => answer.event_id)).size).to.equal(1);
    expect(await countOf()).to.equal(before + 1);
  });

  it('is a conflict when the same id says something else', async () => {
    await world.call(bridge, nativeMessage('m-1', 'hello'));
    expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'goodbye')))).to.equal('SW_EVENT_CONFLICT');
    expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'hello', { sender: { external_id: 'U9', display_name: 'Bob' } })))).to.equal('SW_EVENT_CONFLICT');
  });

  it('is still a duplicate when the room was closed meanwhile', async () => {
    await world.call(bridge, nativeMessage('m-1', 'hello'));
    const pen = await world.ownEvents.pen(alice.ctx);
    await world.placeEvent.run(alice.ctx, room, (snapshot) => ({ proven: pen.write(snapshot, { sender: alice.fqid, type: 'swp.room.state', content: { state: 'closed' } }) }));
    expect((await world.call(bridge, nativeMessage('m-1', 'hello'))).status).to.equal('duplicate');
    expect(await outcome(() => world.call(bridge, nativeMessage('m-2', 'hello')))).to.equal('SW_ROOM_FROZEN');
  });

  it('is refused while the bridge is paused, and taken after', async () => {
    await world.admin.pause(alice, world.idOf(bridge));
    expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'hello')))).to.equal('SW_BRIDGE_PAUSED');
    await world.admin.resume(alice, world.idOf(bridge), 'here');
    expect((await world.call(bridge, nativeMessage('m-1', 'hello'))).status).to.equal('accepted');
  });

  it('is refused by a bridge that only speaks', async () => {
    const out = await world.bridge(alice, room, { direction: 'out', outboundWebhook: 'http://127.0.0.1:9/hook' });
    expect(await outcome(() => world.call(out, nativeMessage('m-1', 'hello')))).to.equal('SW_BRIDGE_DIRECTION');
  });

  it('is refused for a suspended tenant, once it has proved who it is', async () => {
    await database.asOwner("update tenants set status = 'suspended' where tenant_id = $1", [alice.ctx.tenantId]);
    clock.advance(2_000);
    expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'hello')))).to.equal('SW_TENANT_SUSPENDED');
    expect(await outcome(() => world.raw(bridge.bridge_id, bytes({}), undefined))).to.equal('SW_BRIDGE_SIGNATURE');
  });

  it('is refused with a time to wait when it comes too often', async () => {
    await world.store.transact(alice.ctx, ({ tenants }) => tenants.setLimits(alice.ctx, { bridge_requests_per_minute: 20 }));
    clock.advance(LIMITS.tenantCacheMs);
    const answers = await Promise.all(Array.from({ length: 21 }, () => outcome(() => world.call(bridge, nativeMessage('m-1', 'hello')))));
    expect(answers.filter((answer) => answer === 'SW_RATE_LIMIT_EXCEEDED')).to.have.length(1);
    clock.advance(LIMITS.rateWindowMs + LIMITS.rateSlotMs);
    expect(await outcome(() => world.call(bridge, nativeMessage('m-1', 'hello')))).to.equal('ok');
  });

  it('is refused when its body is not what it must be, and no shadow is made', async () => {
    const send = (body: Buffer): Promise<string> => outcome(() => world.raw(bridge.bridge_id, body, signBridgeBody([bridge.shared_secret], clock.nowMs(), body)));
    expect(await send(Buffer.from('{"event_id":"a","event_id":"a"}'))).to.equal('SW_BAD_JSON');
    expect(await send(bytes({ event_id: 'a' }))).to.equal('SW_BAD_SCHEMA');
    expect(await send(bytes(nativeMessage('a', '')))).to.equal('SW_BAD_SCHEMA');
    expect(await send(bytes(nativeMessage('a', 'x', { type: 'message.edited', relates_to: { event_id: 'nobody', external_id: null } })))).to.equal('SW_EVENT_NOT_FOUND');
    const shadows = await database.asOwner("select 1 from participants where tenant_id = $1 and participant_type = 'bridge' and participant_id <> (select participant_id from bridges where bridge_id = $2)", [alice.ctx.tenantId, bridge.bridge_id]);
    expect(shadows).to.have.length(0);
  });

  it('calls nobody together unless the bridge may', async () => {
    const { event_id: id } = await world.call(bridge, nativeMessage('m-1', '@everyone and @here, mail me at a@here.example', { content: { msgtype: 'swp.text', body: '@Channel @here x@here.example', mentions: ['@alice:x'], _imported_sender: { display_name: 'the boss' } } }));
    const [row] = await rows(id);
    expect(row?.content['body']).to.equal('@\u200bChannel @\u200bhere x@here.example');
    expect(row?.content).not.to.have.property('mentions');
    expect(row?.content['_imported_sender']).to.include({ display_name: 'Ada' });
    const loud = await world.bridge(alice, room, { settings: { allow_mass_mentions: true } });
    const [said] = await rows((await world.call(loud, nativeMessage('m-1', '@everyone'))).event_id);
    expect(said?.content['body']).to.equal('@everyone');
  });

  describe('about another message', () => {
    const about = (eventId: string, type: string, target: string, more: object = {}): object => nativeMessage(eventId, 'changed', { type, relates_to: { event_id: target, external_id: null }, ...more });
    const bob = { sender: { external_id: 'U9', display_name: 'Bob' } };

    it('edits, takes back and reacts to what the same bridge said', async () => {
      const { event_id: id } = await world.call(bridge, nativeMessage('m-1', 'hello'));
      await world.call(bridge, about('m-2', 'message.edited', 'm-1'));
      await world.call(bridge, about('m-3', 'reaction.added', 'm-1', { ...bob, content: { emoji: '👍' } }));
      await world.call(bridge, about('m-4', 'reaction.removed', 'm-1', { ...bob, content: { emoji: '👍' } }));
      const related = await database.asOwner<{ event_type: string }>('select event_type from entries where relates_to = $1 order by seq', [id]);
      expect(related.map((row) => row.event_type)).to.deep.equal(['swp.room.message.edit', 'swp.room.reaction', 'swp.room.reaction.remove']);
      await world.call(bridge, about('m-5', 'message.deleted', 'm-1', { content: null }));
      const [row] = await rows(id);
      expect(row?.content).to.equal(null);
      expect((await world.call(bridge, about('m-5', 'message.deleted', 'm-1', { content: null }))).status).to.equal('duplicate');
    });

    it('is refused when another is the author', async () => {
      await world.call(bridge, nativeMessage('m-1', 'hello'));
      const said = await world.say(alice, room, 'mine');
      for (const type of ['message.edited', 'message.deleted']) {
        const content = type === 'message.deleted' ? { content: null } : {};
        expect(await outcome(() => world.call(bridge, about(`a-${type}`, type, 'm-1', { ...bob, ...content })))).to.equal('SW_BRIDGE_FOREIGN_AUTHOR');
        expect(await outcome(() => world.call(bridge, nativeMessage(`b-${type}`, 'x', { type, relates_to: { event_id: null, external_id: said.id }, ...content })))).to.equal('SW_BRIDGE_FOREIGN_AUTHOR');
      }
    });

    it('finds nothing in another room, nor under another bridge’s names', async () => {
      const other = await world.bridge(alice, await world.room(alice));
      const { event_id: id } = await world.call(other, nativeMessage('m-1', 'hello'));
      expect(await outcome(() => world.call(bridge, about('m-2', 'message.edited', 'm-1')))).to.equal('SW_EVENT_NOT_FOUND');
      expect(await outcome(() => world.call(bridge, nativeMessage('m-3', 'x', { type: 'message.edited', relates_to: { event_id: null, external_id: id } })))).to.equal('SW_EVENT_NOT_FOUND');
    });

    it('is a reply where it can be, and a message where not', async () => {
      const said = await world.say(alice, room, 'question');
      const reply = await world.call(bridge, nativeMessage('m-1', 'answer', { reply_to: { event_id: null, external_id: said.id } }));
      const thread = await world.call(bridge, nativeMessage('m-2', 'more', { reply_to_external_id: 'm-1' }));
      const lost = await world.call(bridge, nativeMessage('m-3', 'what', { reply_to_external_id: 'unknown' }));
      expect((await rows(reply.event_id))[0]?.relates_to).to.equal(said.id);
      expect((await rows(thread.event_id))[0]?.relates_to).to.equal(reply.event_id);
      expect((await rows(lost.event_id))[0]?.relates_to).to.equal(null);
    });
  });

  it('that has been through a bridge of this room, or too many bridges, is accepted and goes no further', async () => {
    const second = await world.bridge(alice, room);
    const before = await countOf();
    for (const via of [[`${bridge.bridge_id}:x.example`], ['brg-x:x', `${second.bridge_id}:${alice.ctx.serverName}`], Array.from({ length: 8 }, (_, index) => `brg-${index}:x`)]) {
      expect((await world.call(bridge, nativeMessage(`m-${via.length}`, 'hello', { via }))).status).to.equal('accepted');
    }
    expect(await countOf()).to.equal(before);
    const { event_id: id } = await world.call(bridge, nativeMessage('m-9', 'hello', { via: ['brg-x:x.example'] }));
    expect((await rows(id))[0]?.via).to.deep.equal(['brg-x:x.example', `${bridge.bridge_id}:${alice.ctx.serverName}`]);
  });

  describe('from people who are new', () => {
    let twin: BridgeWorld;
    beforeEach(() => {
      twin = new BridgeWorld(database, clock);
    });
    afterEach(() => twin.close());

    const from = (...numbers: readonly number[]): readonly object[] =>
      numbers.map((n) => nativeMessage(`m-${n}`, 'hi', { sender: { external_id: `P${n}`, display_name: `Person ${n}` } }));
    /** The clock stands still: what a process remembers of the tenant stays as old as it is. */
    const allow = (most: number): Promise<unknown> => database.asOwner('update tenants set limits = $2 where tenant_id = $1', [alice.ctx.tenantId, { max_bridge_shadows: most }]);
    /** The counter, and the same made anew from the rows. */
    const counted = async (): Promise<readonly [counter: number, rows: number]> => {
      const [row] = await database.asOwner<{ counter: number; rows: number }>(
        `select bridge_shadows as counter, (select count(*)::integer from participants p join bridges b using (tenant_id)
           where p.tenant_id = u.tenant_id and p.foreign_origin = 'bridge:' || b.bridge_id and p.participant_id <> b.participant_id) as rows
         from tenant_usage u where u.tenant_id = $1`,
        [alice.ctx.tenantId],
      );
      return [row?.counter ?? -1, row?.rows ?? -1];
    };

    it('makes exactly as many shadows as the tenant may have, of 100 at once over two processes', async () => {
      await allow(30);
      const ways = [[world, bridge], [twin, await world.bridge(alice, room)]] as const;
      const hundred = from(...Array.from({ length: 100 }, (_, index) => index));
      const answers = await Promise.all(hundred.map((message, index) => {
        const [process, way] = ways[index % 2 === 0 ? 0 : 1];
        return outcome(() => process.call(way, message));
      }));
      expect(answers.filter((answer) => answer === 'ok')).to.have.length(30);
      expect(answers.filter((answer) => answer === 'SW_BRIDGE_CAPACITY')).to.have.length(70);
      expect(await counted()).to.deep.equal([30, 30]);
    });

    it('lets those who are known go on when the limit is lowered below them, and takes the next when it is raised', async () => {
      const [one, two, three, four] = from(1, 2, 3, 4) as [object, object, object, object];
      for (const message of [one, two, three]) await world.call(bridge, message);
      for (const process of [world, twin]) expect(await outcome(() => process.call(bridge, one)), 'both know the tenant by now').to.equal('ok');
      await allow(1);
      expect(await outcome(() => twin.call(bridge, four))).to.equal('SW_BRIDGE_CAPACITY');
      for (const process of [world, twin]) expect(await outcome(() => process.call(bridge, { ...two, event_id: `more-${process === twin}` }))).to.equal('ok');
      expect(await counted()).to.deep.equal([3, 3]);
      expect(await outcome(() => world.call(bridge, four))).to.equal('SW_BRIDGE_CAPACITY');
      await allow(4);
      expect(await outcome(() => twin.call(bridge, four))).to.equal('ok');
      expect(await counted()).to.deep.equal([4, 4]);
    });

    it('counts them no more once their bridge is removed, and keeps what they said and who they were', async () => {
      const other = await world.bridge(alice, room);
      await allow(3);
      const [one, two, three] = from(1, 2, 3) as [object, object, object];
      const { event_id: id } = await world.call(bridge, one);
      await world.call(bridge, two);
      await world.call(other, one);
      expect(await counted()).to.deep.equal([3, 3]);
      await Promise.all([world, twin].map((process) => outcome(() => process.admin.remove(alice, world.idOf(bridge)))));
      expect(await counted()).to.deep.equal([1, 1]);
      const names = await database.asOwner('select display_name, content ->> \'body\' as body from entries e join participants p on p.participant_id = e.sender_id where e.event_id = $1', [id]);
      expect(names).to.deep.equal([{ display_name: 'Person 1', body: 'hi' }]);
      expect(await outcome(() => world.call(other, { ...two, event_id: 'back' }))).to.equal('ok');
      expect(await outcome(() => world.call(other, { ...three, event_id: 'new' }))).to.equal('ok');
      expect(await outcome(() => world.call(other, { ...(from(4)[0] ?? {}), event_id: 'over' }))).to.equal('SW_BRIDGE_CAPACITY');
      expect(await counted()).to.deep.equal([3, 3]);
    });

    it('refuses the one who comes in the middle of a removal, and counts nobody', async () => {
      const [one] = from(1) as [object];
      const waits = async (): Promise<boolean> => (await database.asOwner("select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).length > 0;
      const steps = new EventEmitter();
      const dropped = once(steps, 'dropped');
      const removal = world.store.transact(alice.ctx, async (repositories) => {
        await dropBridge(alice.ctx, repositories, { bridge_id: world.idOf(bridge), room_id: room });
        steps.emit('dropped');
        await eventually(waits);
      });
      const coming = dropped.then(() => outcome(() => twin.call(bridge, one)));
      expect(await Promise.all([coming, removal])).to.deep.equal(['SW_BRIDGE_NOT_FOUND', undefined]);
      expect(await counted()).to.deep.equal([0, 0]);
    });

    it('counts what the rows say after anything done at once, with connections cut in between', async () => {
      await allow(12);
      const kinds = ['open', 'call', 'call', 'call', 'call', 'call', 'remove', 'cut'] as const;
      const act = fc.record({ does: fc.constantFrom(...kinds), who: fc.nat(19), which: fc.nat(99), at: fc.boolean() });
      type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;
      const open = [bridge];
      let messages = 0;
      const run = async ({ does, who, which, at }: Act): Promise<void> => {
        const process = at ? twin : world;
        const one = open[which % Math.max(open.length, 1)];
        if (does === 'cut') await database.asOwner('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename <> current_user');
        else if (one === undefined || does === 'open') open.push(await process.bridge(alice, room));
        else if (does === 'call') await process.call(one, { ...(from(who)[0] ?? {}), event_id: `any-${(messages += 1)}` });
        else {
          open.splice(open.indexOf(one), 1);
          await process.admin.remove(alice, process.idOf(one));
        }
      };
      const answers = new Set<string>();
      await fc.assert(
        fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 10 }), async (acts) => {
          clock.advance(2_000);
          await Promise.all(acts.map(async (each) => answers.add(`${each.does} ${await outcome(() => run(each))}`)));
          const [counter, rows] = await counted();
          expect(counter).to.equal(rows).and.to.be.at.most(12);
        }),
        { numRuns: 20, endOnFailure: true },
      );
      expect([...answers]).to.include.members(['call ok', 'cut ok', 'remove ok']);
    });

    it('leaves none counted whose bridge is removed while they come', async () => {
      const coming = from(...Array.from({ length: 40 }, (_, index) => index)).map((message, index) => outcome(() => (index % 2 === 0 ? world : twin).call(bridge, message)));
      const removal = Promise.race(coming).then(() => outcome(() => world.admin.remove(alice, world.idOf(bridge))));
      const [removed, ...answers] = await Promise.all([removal, ...coming]);
      expect(removed).to.equal('ok');
      expect(answers).to.include('ok');
      expect(await counted()).to.deep.equal([0, 0]);
    });
  });

  it('gives each foreign person a name of their own, and follows their profile', async () => {
    const named = async (externalId: string, display: string): Promise<Record<string, unknown>> => {
      const { event_id: id } = await world.call(bridge, nativeMessage(`of-${externalId}-${display}`, 'hi', { sender: { external_id: externalId, display_name: display } }));
      const [row] = await database.asOwner('select p.* from entries e join participants p on p.participant_id = e.sender_id where e.event_id = $1', [id]);
      return row ?? {};
    };
    const names = [await named('alice', 'A'), await named('ALICE', 'B'), await named('bridge-x', 'C'), await named('gateway', 'D'), await named('日本', 'E'), await named('日本語', 'F')].map((row) => String(row['local_id']));
    expect(new Set(names).size).to.equal(6);
    for (const name of names) expect(name).to.match(/^[a-z0-9][a-z0-9._=-]*$/).and.not.match(/^(alice|gateway|bridge-.*)$/);
    expect((await named('alice', 'A. New'))['display_name']).to.equal('A. New');
    const long = `x${'\u{1f600}'.repeat(99)}`;
    expect((await named('alice', long))['display_name']).to.equal(`x${'\u{1f600}'.repeat(49)}`);
  });
});
