import type { Answer, Gateway } from './gateway.js';

export interface RoomSeen {
  readonly id: string;
  readonly room_alias: string;
  readonly name: string | null;
  readonly topic: string | null;
  readonly room_type: string;
  readonly state: string;
  readonly is_public: boolean;
  readonly scope_kind: string | null;
  readonly creator_id: string | null;
  readonly membership: string | null;
  readonly member_count: number;
}

export interface EventSeen {
  readonly id: string;
  readonly sender_id: string | null;
  readonly event_type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly stream_position: number;
  readonly edited_at: string | null;
  readonly redacted_at: string | null;
  readonly original_content?: Readonly<Record<string, unknown>>;
  readonly relates_to_event_id?: string;
}

export interface MemberSeen {
  readonly participant_id: string;
  readonly membership: string;
  readonly power_level: number;
}

/** One person of a gateway and what they do, in the words of the API. */
export class Person {
  private constructor(
    readonly gateway: Gateway,
    readonly name: string,
    readonly id: string,
  ) {}

  /** Signs in, which makes the participant. */
  static async of(gateway: Gateway, name: string): Promise<Person> {
    return new Person(gateway, name, (await gateway.ask<{ id: string }>(name, 'GET', '/v1/me')).id);
  }

  get fqid(): string {
    return `@${this.name}:${this.gateway.name}`;
  }

  /** Whatever comes of it. */
  try(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.gateway.call(this.name, method, path, body);
  }

  /** What must succeed. */
  do<T = Record<string, never>>(method: string, path: string, body?: unknown): Promise<T> {
    return this.gateway.ask<T>(this.name, method, path, body);
  }

  room(body: Readonly<Record<string, unknown>> = { room_type: 'group', name: 'A room' }): Promise<RoomSeen> {
    return this.do<RoomSeen>('POST', '/v1/rooms', body);
  }

  /** Invites others, who join. */
  async brings(room: string, ...others: readonly Person[]): Promise<void> {
    for (const other of others) {
      await this.do('POST', `/v1/rooms/${room}/invite`, { participant_id: other.id });
      await other.do('POST', `/v1/rooms/${room}/join`);
    }
  }

  says(room: string, body: string): Promise<EventSeen> {
    return this.do<EventSeen>('POST', `/v1/rooms/${room}/send`, { content: { msgtype: 'swp.text', body } });
  }

  /** Bodies of the messages this person can read, oldest first. */
  async hears(room: string): Promise<string[]> {
    const events = await this.do<EventSeen[]>('GET', `/v1/rooms/${room}/messages?direction=forward&limit=200`);
    return events.filter((event) => event.event_type === 'swp.room.message').map(({ content: { body } }) => (typeof body === 'string' ? body : ''));
  }

  members(room: string): Promise<MemberSeen[]> {
    return this.do<MemberSeen[]>('GET', `/v1/rooms/${room}/members`);
  }
}
