import { expect } from 'chai';
import { eventually, type Gateway } from './gateway.js';
import type { EventSeen, Person, RoomSeen } from './people.js';

/** A room under its id on each gateway that has it. */
export type RoomIds = Readonly<Record<string, string>>;

export interface InvitationSeen {
  readonly id: string;
  readonly room_alias: string;
  readonly room_id: string | null;
  readonly room_name: string | null;
  readonly inviter: string;
  readonly reason: string | null;
  readonly state: string;
  readonly code: string | null;
  readonly member_count: number | null;
  readonly foreign_origin: string | null;
}

export interface Head {
  readonly head_seq: string;
  readonly head: string;
}

/** How long news between nodes may take before a test calls it lost. */
export const PATIENCE_MS = 30_000;

/** Gateways that accept exactly each other. */
export async function befriend(...nodes: readonly Gateway[]): Promise<void> {
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node).map(({ name }) => name);
    await node.ask('admin', 'PUT', '/v1/admin/federation/policy', { default_mode: 'invite_only', allowed_peers: others, denied_peers: [] });
  }
}

/** A federated room of `owner`, with one entry for each fact named. */
export async function federatedRoom(owner: Person, facts: Readonly<Record<string, unknown>> = { room_type: 'group', name: 'Shared' }): Promise<RoomSeen> {
  const room = await owner.room(facts);
  await owner.gateway.ask('admin', 'PUT', `/v1/admin/rooms/${room.id}/federate`, { enabled: true });
  return room;
}

/** Waits for the person's invitation to a room, as its log is called everywhere. */
export function invitationTo(person: Person, alias: string): Promise<InvitationSeen> {
  return eventually(async () => (await invitationsOf(person)).find((one) => one.room_alias === alias), PATIENCE_MS);
}

export function invitationsOf(person: Person): Promise<InvitationSeen[]> {
  return person.do<InvitationSeen[]>('GET', '/v1/invitations?limit=200');
}

/** Invites a person of another server, who accepts; the id of the room over there, once its home has let them in. */
export async function bring(inviter: Person, room: RoomSeen, guest: Person): Promise<string> {
  await inviter.do('POST', `/v1/rooms/${room.id}/invite`, { fqid: guest.fqid });
  return accept(guest, room.room_alias);
}

export async function accept(guest: Person, alias: string): Promise<string> {
  const invitation = await invitationTo(guest, alias);
  await guest.do('POST', `/v1/invitations/${invitation.id}/accept`);
  return (await joinedRoom(guest, alias)).id;
}

export function joinedRoom(person: Person, alias: string): Promise<RoomSeen> {
  return eventually(async () => (await roomsOf(person)).find((one) => one.room_alias === alias && one.membership === 'join'), PATIENCE_MS);
}

export function roomsOf(person: Person): Promise<RoomSeen[]> {
  return person.do<RoomSeen[]>('GET', '/v1/rooms?limit=200');
}

/** Waits until a message with that text can be read, and answers with it. */
export function heard(person: Person, room: string, body: string): Promise<EventSeen> {
  return eventually(async () => (await timeline(person, room)).find((event) => event.content['body'] === body), PATIENCE_MS);
}

/** What a person can read of a room, oldest first. */
export function timeline(person: Person, room: string): Promise<EventSeen[]> {
  return person.do<EventSeen[]>('GET', `/v1/rooms/${room}/messages?direction=forward&limit=200`);
}

interface MemberOfRoom {
  readonly membership: string;
  readonly power_level: number;
  readonly participant: { readonly id: string; readonly local_id: string; readonly server_name: string; readonly display_name: string };
}

/** Memberships by FQID, as one member sees them. */
export async function memberships(person: Person, room: string): Promise<Readonly<Record<string, string>>> {
  return byFqid(await person.do<MemberOfRoom[]>('GET', `/v1/rooms/${room}/members?limit=200`), (member) => member.membership);
}

/** Power levels by FQID. */
export async function powers(person: Person, room: string): Promise<Readonly<Record<string, number>>> {
  return byFqid(await person.do<MemberOfRoom[]>('GET', `/v1/rooms/${room}/members?limit=200`), (member) => member.power_level);
}

/** The participant that stands for somebody in this tenant. */
export async function participantOf(person: Person, room: string, fqid: string): Promise<string> {
  return byFqid(await person.do<MemberOfRoom[]>('GET', `/v1/rooms/${room}/members?limit=200`), (member) => member.participant.id)[fqid] ?? expect.fail(`${fqid} is not in the room`);
}

function byFqid<T>(members: readonly MemberOfRoom[], pick: (member: MemberOfRoom) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(members.map((member) => [`@${member.participant.local_id}:${member.participant.server_name}`, pick(member)]));
}

/** Waits until somebody's membership is seen, or seen no more. */
export function membershipComes(person: Person, room: string, fqid: string, membership: string | undefined): Promise<true> {
  return eventually(async () => (await memberships(person, room))[fqid] === membership, PATIENCE_MS).then(() => true);
}

/** The head of a log as a gateway holds it, under the name that it has everywhere. */
export async function headOf(gateway: Gateway, alias: string): Promise<Head> {
  const [row] = await gateway.database.asOwner<Head>("select head_seq, encode(head_hash, 'hex') as head from rooms where log_name = $1", [alias]);
  return row ?? expect.fail(`${gateway.name} does not have ${alias}`);
}

/** Waits until all hold the same log, to the last entry. */
export async function equalHeads(alias: string, ...nodes: readonly Gateway[]): Promise<Head> {
  return eventually(async () => {
    const [first, ...others] = await Promise.all(nodes.map((node) => headOf(node, alias)));
    return first !== undefined && others.every((other) => other.head === first.head && other.head_seq === first.head_seq) ? first : undefined;
  }, PATIENCE_MS);
}

/** Entries of a gateway that hold a text, signed or translated. */
export async function traces(gateway: Gateway, text: string): Promise<number> {
  const rows = await gateway.database.asOwner<{ jws: string | null; content: string | null }>('select jws, content::text as content from entries');
  const signed = (jws: string | null): string => Buffer.from(jws?.split('.')[1] ?? '', 'base64url').toString('utf8');
  return rows.filter(({ jws, content }) => `${signed(jws)} ${content ?? ''}`.includes(text)).length;
}
