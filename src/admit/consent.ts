import { EVENT_TYPES, type WireEvent } from '../kernel/events.js';

type Membership = Pick<WireEvent, 'type' | 'sender' | 'content'>;

export function joinsSomebody({ type, content }: Membership): boolean {
  return type === EVENT_TYPES.member && content['membership'] === 'join';
}

/** A person's consent is what that person's server signed: a home cannot join anybody. */
export function joinsOnlyTheSender({ sender, content }: Membership): boolean {
  return content['target'] === sender;
}
