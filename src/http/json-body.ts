import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { BodySender, Call } from './call.js';
import type { Gate } from './route.js';

/** The body a route takes: which schema it must have, and what it is then. */
export interface BodySpec<B> {
  readonly schema: string;
  readonly optional: boolean;
  /** Whether `application/merge-patch+json` (RFC 7396) is taken as well. */
  readonly isMergePatch: boolean;
  /** Carries the type of the validated body; never set. */
  readonly is?: B;
}

export function body<B>(schema: string): BodySpec<B> {
  return { schema, optional: false, isMergePatch: false };
}

/** A JSON merge patch: what is not named stays, `null` removes. */
export function mergePatchBody<B>(schema: string): BodySpec<B> {
  return { schema, optional: false, isMergePatch: true };
}

/** An absent body is `{}`. */
export function optionalBody<B>(schema: string): BodySpec<B> {
  return { schema, optional: true, isMergePatch: false };
}

const JSON_TYPE = /^application\/json(?:\s*;\s*charset\s*=\s*("?)utf-8\1)?\s*$/i;
const MERGE_PATCH_TYPE = /^application\/merge-patch\+json\s*$/i;

/** JSON is due: the only type is application/json and the only charset UTF-8. */
export function requireJsonType(headers: Readonly<Record<string, string>>): void {
  if (!JSON_TYPE.test(headers['content-type'] ?? '')) {
    throw new GatewayError('SW_UNSUPPORTED_MEDIA_TYPE', 'content-type is not application/json in UTF-8');
  }
}

function requireTypeOf(spec: BodySpec<unknown>, headers: Readonly<Record<string, string>>): void {
  if (!(spec.isMergePatch && MERGE_PATCH_TYPE.test(headers['content-type'] ?? ''))) requireJsonType(headers);
}

export async function readJsonBody<B>(call: Call, gate: Gate, spec: BodySpec<B>, sender: BodySender): Promise<B> {
  if (call.headers['content-type'] !== undefined || !spec.optional) requireTypeOf(spec, call.headers);
  const bytes = await call.readBody(LIMITS.requestBytesMax, sender);
  if (bytes === undefined && spec.optional) return gate.validate<B>(spec.schema, {});
  // A body without a content type would be guessed at; nothing here guesses.
  requireTypeOf(spec, call.headers);
  return gate.validate<B>(spec.schema, gate.parseJson(bytes ?? Buffer.alloc(0)));
}
