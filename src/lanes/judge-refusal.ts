import { ERRORS, type ErrorCode } from '../kernel/errors.js';

/** Codes that speak of what was sent: another try changes nothing, a smaller one may. */
const ABOUT_CONTENT: ReadonlySet<string> = new Set([
  'SW_BAD_REQUEST',
  'SW_BAD_JSON',
  'SW_BAD_SCHEMA',
  'SW_BODY_TOO_LARGE',
  'SW_CONTENT_TOO_LARGE',
  'SW_INTERNAL',
  'SW_FED_CHAIN_INVALID',
  'SW_FED_EVENT_INVALID',
  'SW_FED_EVENT_SIGNATURE',
  'SW_FED_EVENT_CONFLICT',
  'SW_FED_EVENT_IN_FUTURE',
  'SW_FED_ORIGIN_MISMATCH',
]);

/** Codes by which a mirror says that it holds no such room, or does not want it. */
const WITHOUT_ROOM: ReadonlySet<string> = new Set(['SW_ROOM_NOT_FOUND', 'SW_NOT_MEMBER']);

export function isWithoutRoom(code: string): boolean {
  return WITHOUT_ROOM.has(code);
}

export function isAboutContent(code: string): boolean {
  return ABOUT_CONTENT.has(code);
}

/** The word for an answer without a code that we know: a proxy's, which says nothing of what was sent but its size. */
export function codeOfStatus(status: number, code: string | undefined): string {
  if (code !== undefined) return code;
  if (status === 413) return 'SW_BODY_TOO_LARGE';
  if (status === 429) return 'SW_RATE_LIMIT_EXCEEDED';
  return status < 500 ? 'SW_FED_ANSWER_INVALID' : 'SW_FED_PEER_UNREACHABLE';
}

/** Whether a request that was answered so will always be: a code that we know says it, under whatever status; otherwise the status does. */
export function isFinal(status: number, code: ErrorCode | undefined): boolean {
  if (code !== undefined) return !ERRORS[code].retryable;
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
