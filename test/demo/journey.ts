import { compactVerify, importJWK } from 'jose';
import type { RoomFederationView } from '../../src/flows/api/federation-admin.js';
import type { DemoNode } from './node.js';
import { signOnCommandLine } from './sign.js';
import { eventually, holds, type Story } from './story.js';
import type { Stage } from './stage.js';

/** `--spoil=…` signs or checks with a wrong secret; the demo must notice. */
export const SPOILS = ['inbound-secret', 'outbound-secret'] as const;
export type Spoil = (typeof SPOILS)[number];

/** One room, by its id on either side. */
interface Room {
  readonly onA: string;
  readonly onB: string;
  readonly alias: string;
}

interface Bridge {
  readonly bridge_id: string;
  readonly shared_secret: string;
}

export async function journey(story: Story, stage: Stage, spoil?: Spoil): Promise<void> {
  story.heading('Two nodes');
  await startBoth(story, stage);
  story.heading('One room');
  const room = await shareRoom(story, stage);
  await talk(story, stage, room);
  story.heading('A bridge to another system');
  const bridge = await openBridge(story, stage, room);
  await relayIn(story, stage, room, bridge, spoil);
  await relayOut(story, stage, room, bridge, spoil);
  story.heading('An outage');
  await outage(story, stage, room);
  story.heading('The proof');
  await prove(story, stage, room);
}

async function startBoth(story: Story, { a, b }: Stage): Promise<void> {
  await story.step('Start a.example and b.example: two processes, two stores', async (saw) => {
    await Promise.all([a.start(), b.start()]);
    for (const node of [a, b]) saw(`${node.name}  ${node.url}  pid ${node.pid}  ${node.dataDir}`);
  });
  await story.step('Each accepts the other', async (saw) => {
    await a.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [b.name] });
    await b.ask('admin', 'PUT', '/v1/admin/federation/policy', { allowed_peers: [a.name] });
    for (const node of [a, b]) saw(`${node.name}  ${(await identity(node)).fingerprint}`);
  });
}

async function shareRoom(story: Story, { a, b }: Stage): Promise<Room> {
  const { id, alias } = await story.step('@admin:a.example makes a room, opens it to other servers and invites @bob:b.example', async (saw) => {
    await b.ask('bob', 'GET', '/v1/me');
    const made = await a.ask<{ id: string; room_alias: string }>('admin', 'POST', '/v1/rooms', { room_type: 'group', name: 'Demo' });
    await a.ask('admin', 'PUT', `/v1/admin/rooms/${made.id}/federate`, { enabled: true });
    await a.ask('admin', 'POST', `/v1/rooms/${made.id}/invitations`, { fqid: `@bob:${b.name}` });
    saw(made.room_alias);
    return { id: made.id, alias: made.room_alias };
  });
  return story.step('@bob:b.example finds the invitation on his own node, and joins', async (saw) => {
    const named = <T extends { room_alias: string }>(all: readonly T[]): T | undefined => all.find((one) => one.room_alias === alias);
    saw('b.example asks for the keys of a.example before it believes anything; at first contact that takes some seconds');
    const invitation = await eventually('the invitation', async () => named(await b.ask<{ id: string; room_alias: string }[]>('bob', 'GET', '/v1/invitations')));
    await b.ask('bob', 'POST', `/v1/invitations/${invitation.id}/accept`);
    const joined = await eventually('the room', async () => named(await b.ask<{ id: string; room_alias: string }[]>('bob', 'GET', '/v1/rooms')));
    const member = await eventually('the member', async () => (await a.ask<{ membership: string; participant: { local_id: string; server_name: string } }[]>('admin', 'GET', `/v1/rooms/${id}/members`)).find(({ participant }) => participant.server_name === b.name));
    holds(member.membership === 'join', `bob is "${member.membership}" at his home`);
    saw(`a.example lists @${member.participant.local_id}:${member.participant.server_name} as a member; b.example calls the room ${joined.id}`);
    return { onA: id, onB: joined.id, alias };
  });
}

async function talk(story: Story, { a, b }: Stage, room: Room): Promise<void> {
  await story.step('A speaks, B reads', async (saw) => {
    await a.say('admin', room.onA, 'Hello from A');
    const heard = await arrives(b, 'bob', room.onB, 'Hello from A');
    holds(heard.foreign_origin === a.name, 'its origin is not shown');
    saw(`bob reads "${heard.content.body}", of ${heard.foreign_origin}`);
  });
  await story.step('B speaks, A reads', async (saw) => {
    await b.say('bob', room.onB, 'Hello from B');
    const heard = await arrives(a, 'admin', room.onA, 'Hello from B');
    holds(heard.foreign_origin === b.name, 'its origin is not shown');
    saw(`admin reads "${heard.content.body}", of ${heard.foreign_origin}`);
  });
}

function openBridge(story: Story, { a, receiver }: Stage, room: Room): Promise<Bridge> {
  return story.step('The room on A gets a bridge to a help desk', async (saw) => {
    const settings = { transport: 'custom', direction: 'both', room_id: room.onA, name: 'Help desk', outbound_webhook: `http://${receiver.address}/hook` };
    const bridge = await a.ask<Bridge>('admin', 'POST', '/v1/admin/bridges', settings);
    saw(`POST ${a.url}/v1/bridges/${bridge.bridge_id}/inbound takes signed messages; those of the room go to ${settings.outbound_webhook}`);
    return bridge;
  });
}

async function relayIn(story: Story, { a, b }: Stage, room: Room, bridge: Bridge, spoil?: Spoil): Promise<void> {
  await story.step('A message of the help desk, signed on the command line, comes in', async (saw) => {
    const body = JSON.stringify({ event_id: 'm-1', sender: { external_id: 'u-9', display_name: 'Grace' }, content: { msgtype: 'swp.text', body: 'Ticket 7 is open' } });
    const signed = signOnCommandLine(spoil === 'inbound-secret' ? 'whsec_another' : bridge.shared_secret, body);
    saw(`signed with ${signed.by === 'openssl' ? 'openssl' : 'node, as there is no openssl here'}:\n${signed.command}`);
    const post = () =>
      fetch(`${a.url}/v1/bridges/${bridge.bridge_id}/inbound`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-scaiwave-bridge-signature': signed.header }, body });
    const answers = [await post(), await post()];
    holds(answers.every(({ status }) => status === 200), `answered ${answers[0]?.status} ${await answers[0]?.text()}`);
    for (const [node, who, id] of [[a, 'admin', room.onA], [b, 'bob', room.onB]] as const) {
      const heard = await arrives(node, who, id, 'Ticket 7 is open');
      saw(`${node.name} shows "${heard.content.body}", by ${heard.content._imported_sender?.display_name}; sent twice, there once`);
    }
  });
}

async function relayOut(story: Story, { b, receiver }: Stage, room: Room, bridge: Bridge, spoil?: Spoil): Promise<void> {
  await story.step('What B says goes out over the bridge of A, and the help desk checks it', async (saw) => {
    await b.say('bob', room.onB, 'Thank you, Grace');
    const call = await eventually('the webhook', async () => receiver.received.find(({ body }) => body.includes('Thank you, Grace')));
    receiver.check(spoil === 'outbound-secret' ? `whsec_${Buffer.alloc(32, 1).toString('base64')}` : bridge.shared_secret, call);
    holds(!receiver.received.some(({ body }) => body.includes('Ticket 7')), 'its own message came back');
    saw(`webhook-id ${call.headers['webhook-id']}, signature verified by the standardwebhooks library; its own message did not come back`);
  });
}

const MEANWHILE = ['one', 'two', 'three', 'four', 'five'].map((word) => `While B was away: ${word}`);

async function outage(story: Story, { a, b }: Stage, room: Room): Promise<void> {
  await story.step('B is stopped', async (saw) => {
    await b.stop();
    const answer = await fetch(`${b.url}/health`).then(({ status }) => String(status), () => 'nothing answers');
    holds(answer === 'nothing answers', `it still answers ${answer}`);
    saw(`${b.url}: ${answer}`);
  });
  await story.step('A goes on talking', async (saw) => {
    for (const text of MEANWHILE) await a.say('admin', room.onA, text);
    saw(`${MEANWHILE.length} messages accepted`);
  });
  await story.step('B is started again, and has lost nothing', async (saw) => {
    await b.start();
    const expected = (await a.messages('admin', room.onA)).map(textOf);
    const missing = async (): Promise<string[]> => {
      const there = (await b.messages('bob', room.onB)).map(textOf);
      return expected.filter((text) => !there.includes(text));
    };
    await eventually('all messages', async () => (await missing()).length === 0);
    const there = (await b.messages('bob', room.onB)).map(textOf);
    holds(JSON.stringify(there) === JSON.stringify(expected), `b.example shows ${JSON.stringify(there)}`);
    saw(`${there.length} messages on both sides, each once, in the same order`);
  });
}

async function prove(story: Story, { a, b }: Stage, room: Room): Promise<void> {
  const home = await story.step('The logs are the same: equal heads', async (saw) => {
    const [onA, onB] = await eventually('equal heads and a receipt', async () => {
      const views = [await federationOf(a, room.onA), await federationOf(b, room.onB)] as const;
      return views[0].head.hash === views[1].head.hash && receiptOf(views[0], b)?.seq === views[0].head.seq && views;
    });
    for (const [node, { phase, head }] of [[a, onA], [b, onB]] as const) saw(`${node.name}  ${phase.padEnd(8)}  ${head.seq} entries  ${head.hash}`);
    return onA;
  });
  await story.step('B has signed for it: the receipt that A keeps, checked with nothing but B\'s public key', async (saw) => {
    const { public_key: text } = await identity(b);
    const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x: Buffer.from(text.replace('ed25519:', ''), 'base64').toString('base64url') }, 'EdDSA');
    const { payload, protectedHeader } = await compactVerify(receiptOf(home, b)?.jws ?? '', key);
    const { room: log, seq, hash } = JSON.parse(Buffer.from(payload).toString()) as { room: string; seq: number; hash: string };
    holds(log === room.alias && seq === home.head.seq && hash === home.head.hash, `it says ${log} ${seq} ${hash}`);
    saw(`${protectedHeader.typ} by ${protectedHeader.kid}: ${log} up to ${seq}, ${hash}`);
  });
}

async function arrives(node: DemoNode, who: string, roomId: string, text: string) {
  const found = await eventually(`"${text}" on ${node.name}`, async () => {
    const same = (await node.messages(who, roomId)).filter(({ content }) => content.body === text);
    return same.length > 0 && same;
  });
  holds(found.length === 1, `"${text}" is there ${found.length} times`);
  const [only] = found;
  holds(only !== undefined, 'nothing arrived');
  return only;
}

function textOf({ content }: { readonly content: { readonly body?: string } }): string {
  return content.body ?? '';
}

function identity(node: DemoNode): Promise<{ readonly public_key: string; readonly fingerprint: string }> {
  return node.ask('admin', 'GET', '/v1/admin/federation/identity');
}

function federationOf(node: DemoNode, roomId: string): Promise<RoomFederationView> {
  return node.ask('admin', 'GET', `/v1/admin/rooms/${roomId}/federation`);
}

function receiptOf({ peers }: RoomFederationView, of: DemoNode) {
  return peers.find(({ server_name }) => server_name === of.name)?.receipt;
}
