import { voiceOf } from '../../kernel/authority.js';
import { cutText } from '../../kernel/cut-text.js';
import { EVENT_TYPES } from '../../kernel/events.js';
import type { ServerName } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { TenantContext } from '../../kernel/tenant-context.js';
import type { BridgeRow } from '../../store/repositories/bridges.repository.js';
import type { Draft } from '../own-events.js';

/** What a bridge's member says in its own name: that it comes, what it relays, that it goes. */
export function joinDraft({ fqid, name }: Pick<BridgeRow, 'fqid' | 'name'>): Draft {
  return { sender: fqid, type: EVENT_TYPES.member, content: { target: fqid, membership: 'join', display_name: cutText(name, LIMITS.displayNameCharsMax), avatar_url: null } };
}

export function leaveDraft({ fqid }: Pick<BridgeRow, 'fqid'>): Draft {
  return { sender: fqid, type: EVENT_TYPES.member, content: { target: fqid, membership: 'leave' } };
}

export function channelDraft(ctx: TenantContext, { fqid, transport, channel }: Pick<BridgeRow, 'fqid' | 'transport' | 'channel'>): Draft {
  const fingerprint = channel.slice(channel.indexOf(':') + 1);
  return { sender: fqid, type: EVENT_TYPES.bridge, content: { target: channel, platform: transport, channel_fingerprint: fingerprint, server: ctx.serverName } };
}

/** Where nobody of the room's home is left in it, its voice opens the door. */
export function voiceInviteDraft({ fqid }: Pick<BridgeRow, 'fqid'>, home: ServerName): Draft {
  return { sender: voiceOf(home), type: EVENT_TYPES.member, content: { target: fqid, membership: 'invite' } };
}
