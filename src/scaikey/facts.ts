import { cutText } from '../kernel/cut-text.js';
import type { JsonObject, JsonValue } from '../kernel/events.js';
import { namedPartner, type PartnerId } from '../kernel/ids.js';
import { LIMITS } from '../kernel/limits.js';

/** May they come in? */
export type Standing = 'active' | 'barred';

/** Who somebody is. What was not said is undefined; an avatar that was taken away is null. */
export interface Profile {
  readonly displayName: string | undefined;
  readonly avatarUrl: string | null | undefined;
  readonly username: string | undefined;
  readonly email: string | undefined;
}

export interface UserFact {
  readonly subject: string;
  /** Microseconds since 1970, by ScaiKey's clock. */
  readonly atUs: number;
  readonly standing: Standing | undefined;
  readonly profile: Profile;
}

export interface TenantFact {
  /** `tnt_…` */
  readonly id: string;
  readonly atUs: number;
  readonly standing: Standing | undefined;
  readonly name: string | undefined;
  readonly slug: string | undefined;
  /** null: of none; undefined: not said. */
  readonly partnerId: PartnerId | null | undefined;
}

export interface PartnerFact {
  readonly id: PartnerId;
  readonly atUs: number;
  readonly standing: Standing | undefined;
  readonly name: string | undefined;
}

const BARRED: ReadonlySet<string> = new Set(['SUSPENDED', 'DELETED', 'DISABLED', 'DEACTIVATED', 'INACTIVE']);

/** From an event's `data`, or from a record of the admin API: they share their names. */
export function userFact(subject: string, atUs: number, record: JsonObject): UserFact {
  return { subject, atUs, standing: standingOf(record), profile: profileOf(record) };
}

export function tenantFact(id: string, atUs: number, record: JsonObject): TenantFact {
  return { id, atUs, standing: standingOf(record), name: text(record['name']), slug: text(record['slug']), partnerId: partnerOf(record) };
}

export function partnerFact(id: PartnerId, atUs: number, record: JsonObject): PartnerFact {
  return { id, atUs, standing: standingOf(record), name: text(record['name']) };
}

/** A word for the status that is not known here changes nothing. */
function standingOf(record: JsonObject): Standing | undefined {
  if (typeof record['deleted_at'] === 'string') return 'barred';
  const status = text(record['status'])?.toUpperCase();
  if (status === 'ACTIVE') return 'active';
  return status !== undefined && BARRED.has(status) ? 'barred' : undefined;
}

function profileOf(record: JsonObject): Profile {
  const parts = [text(record['first_name']), text(record['last_name'])].filter((part) => part !== undefined);
  return {
    displayName: text(record['display_name']) ?? text(record['name']) ?? (parts.length === 0 ? undefined : parts.join(' ')),
    avatarUrl: avatarOf(record),
    username: text(record['preferred_username']) ?? text(record['username']),
    email: text(record['email']),
  };
}

function avatarOf(record: JsonObject): string | null | undefined {
  const avatar = ['avatar_url', 'picture'].map((name) => record[name]).find((value) => value !== undefined);
  return typeof avatar === 'string' ? avatar : avatar === null ? null : undefined;
}

function partnerOf({ partner_id: partnerId }: JsonObject): PartnerId | null | undefined {
  return partnerId === undefined ? undefined : namedPartner(partnerId);
}

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? cutText(value.trim(), LIMITS.scaikeyTextCharsMax) : undefined;
}
