import { randomUUID } from 'node:crypto';
import { EVENT_TYPES } from '../../src/kernel/events.js';
import { parseFqid, type LogName } from '../../src/kernel/ids.js';
import { chainNext, genesis, hashText } from '../../src/protocol/chain.js';
import type { OrdinaryWireEntry } from '../../src/protocol/entry.js';
import { eventHash } from '../../src/protocol/event.js';
import { signHead } from '../../src/protocol/head.js';
import { writeRun, type WireRun } from '../../src/protocol/run.js';
import { signStart } from '../../src/protocol/start.js';
import type { Gun, Shot } from './load.js';
import type { NodeUnderLoad } from './node-under-load.js';
import { logNameOf, type ScriptedServer } from './scripted-server.js';

/** The log of one room on a scripted server, which a node under load mirrors. */
export class ScriptedHome {
  readonly room: LogName;
  #seq = 0;
  #hash = genesis();

  constructor(private readonly server: ScriptedServer, private readonly to: NodeUnderLoad) {
    this.room = logNameOf(`room-${randomUUID()}`, server.server);
  }

  /** Invites `guest`, who accepts, and lets the mirror begin. */
  async open(gun: Gun, guest: string): Promise<void> {
    const { server, room, to } = this;
    const fqid = parseFqid(`@${guest}:${to.name}`);
    const state = [
      server.event(room, EVENT_TYPES.create, { room_type: 'group', creator: server.person, history: 'invite' }),
      server.event(room, EVENT_TYPES.member, { target: server.person, membership: 'join' }),
      server.event(room, EVENT_TYPES.federation, { enabled: true }),
    ];
    this.#append(state);
    const before = this.#hash;
    const invite = server.event(room, EVENT_TYPES.member, { target: fqid, membership: 'invite' });
    const [entry] = this.#append([invite]);
    if (entry === undefined) throw new Error('no entry');
    const about = { name: 'Bench', topic: null, type: 'group' as const, inviter: server.person, member_count: 1 };
    const invitation = { kind: 'member' as const, room, prev_hash: hashText(before), entry, head: this.#head(), about };
    await to.ask(guest, 'GET', '/v1/me');
    await knock(gun, () => server.batch(to.name, [invitation]));
    const invitations = await to.ask<{ id: string; room_alias: string }[]>(guest, 'GET', '/v1/invitations?limit=200');
    await to.ask(guest, 'POST', `/v1/invitations/${invitations.find((one) => one.room_alias === room)?.id ?? ''}/accept`);
    const { event: join } = await server.awaits('event');
    const start = signStart(server.fake.current, { room, seq: this.#seq, hash: hashText(this.#hash), iat: Date.now() }, [...state, invite]);
    const startItem = { kind: 'start' as const, start, state: [...state, invite] };
    await gun.fire(server.batch(to.name, [startItem, { kind: 'log', ...this.#run([join]) }]));
  }

  /** The next entries of the log, pushed `size` at a time. */
  pushes(count: number, size: number, text: string): readonly Shot[] {
    return Array.from({ length: count }, () => {
      const events = Array.from({ length: size }, () => this.server.message(this.room, text));
      return this.server.batch(this.to.name, [{ kind: 'log', ...this.#run(events) }]);
    });
  }

  #run(events: readonly string[]): WireRun {
    const [firstSeq, prevHash] = [this.#seq + 1, this.#hash];
    const entries = this.#append(events);
    return writeRun({ room: this.room, firstSeq, prevHash, entries, head: this.#head() });
  }

  #append(events: readonly string[]): OrdinaryWireEntry[] {
    return events.map((event) => {
      const at = Date.now();
      this.#seq += 1;
      this.#hash = chainNext(this.room, this.#seq, at, this.#hash, eventHash(event));
      return { seq: this.#seq, at, event };
    });
  }

  #head(): string {
    return signHead(this.server.fake.current, { room: this.room, seq: this.#seq, hash: hashText(this.#hash), iat: Date.now() });
  }
}

/** The first call of an unknown server is put off until its keys have been fetched. */
async function knock(gun: Gun, shot: () => Shot): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await gun.fire(shot());
      return;
    } catch (error) {
      if (attempt === 40) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
