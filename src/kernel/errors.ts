/**
 * Every refusal this node can give: HTTP status, whether the same request may succeed later without change, and the
 * public sentence. specs/protocol/errors.md is the contract; a test compares the two.
 */
export const ERRORS = {
  SW_BAD_REQUEST: { status: 400, retryable: false, message: 'The request is not well-formed.' },
  SW_BAD_JSON: { status: 400, retryable: false, message: 'The body is not JSON in the accepted form.' },
  SW_BAD_SCHEMA: { status: 400, retryable: false, message: 'The body does not have the documented shape.' },
  SW_NOT_FOUND: { status: 404, retryable: false, message: 'There is nothing at this path.' },
  SW_METHOD_NOT_ALLOWED: { status: 405, retryable: false, message: 'This path does not answer that method.' },
  SW_REQUEST_TIMEOUT: { status: 408, retryable: true, message: 'The request took too long to arrive.' },
  SW_BODY_TOO_LARGE: { status: 413, retryable: false, message: 'The body is too large.' },
  SW_UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false, message: 'The content type or encoding is not accepted.' },
  SW_HEADERS_TOO_LARGE: { status: 431, retryable: false, message: 'The headers are too large.' },
  SW_INTERNAL: { status: 500, retryable: true, message: 'Something went wrong here.' },
  SW_UNAVAILABLE: { status: 503, retryable: true, message: 'The service cannot answer now; try again.' },
  SW_OVERLOADED: { status: 503, retryable: true, message: 'Too much is waiting already; try again.' },

  SW_AUTH_INVALID_TOKEN: { status: 401, retryable: false, message: 'The token is not valid.' },
  SW_AUTH_EXPIRED_TOKEN: { status: 401, retryable: false, message: 'The token has expired.' },
  SW_AUTH_DEACTIVATED: { status: 403, retryable: false, message: 'This account is deactivated.' },
  SW_AUTH_INSUFFICIENT_PERMISSION: { status: 403, retryable: false, message: 'This needs a permission you do not have.' },
  SW_AUTH_TENANT_MISMATCH: { status: 403, retryable: false, message: 'The token belongs to another tenant.' },
  SW_TENANT_NOT_FOUND: { status: 404, retryable: false, message: 'No such tenant.' },
  SW_TENANT_SUSPENDED: { status: 403, retryable: true, message: 'This tenant is suspended.' },
  SW_TENANT_CAPACITY: { status: 409, retryable: true, message: 'A limit of this tenant is reached.' },
  SW_TENANT_NAME_TAKEN: { status: 409, retryable: false, message: 'That name is taken.' },
  SW_PARTNER_NOT_FOUND: { status: 404, retryable: false, message: 'No such partner.' },
  SW_PARTNER_SUSPENDED: { status: 403, retryable: true, message: 'This partner is suspended.' },
  SW_PARTNER_CAPACITY: { status: 409, retryable: true, message: 'The limit of tenants of this partner is reached.' },
  SW_RATE_LIMIT_EXCEEDED: { status: 429, retryable: true, message: 'Too many requests.' },

  SW_NOT_MEMBER: { status: 403, retryable: false, message: 'You are not a member of this room.' },
  SW_PARTICIPANT_NOT_FOUND: { status: 404, retryable: false, message: 'No such participant.' },
  SW_ROOM_NOT_FOUND: { status: 404, retryable: false, message: 'No such room.' },
  SW_ROOM_FORBIDDEN: { status: 403, retryable: false, message: 'You may not do this in this room.' },
  SW_ROOM_FROZEN: { status: 409, retryable: false, message: 'The room is archived or closed.' },
  SW_ROOM_TYPE_INVARIANT: { status: 400, retryable: false, message: 'This kind of room does not allow that.' },
  SW_ROOM_CAPACITY: { status: 409, retryable: true, message: 'The limit of participants is reached.' },
  SW_INVITATION_NOT_FOUND: { status: 404, retryable: false, message: 'No such invitation.' },
  SW_INVITATION_DUPLICATE: { status: 409, retryable: false, message: 'This person is already invited or a member.' },
  SW_EVENT_NOT_FOUND: { status: 404, retryable: false, message: 'No such event.' },
  SW_EVENT_CONFLICT: { status: 409, retryable: false, message: 'This id was used for another content.' },
  SW_EVENT_TOO_OLD_TO_EDIT: { status: 409, retryable: false, message: 'The event is too old to be edited.' },
  SW_EDIT_FORBIDDEN: { status: 403, retryable: false, message: 'Only the sender may edit an event.' },
  SW_REDACT_FORBIDDEN: { status: 403, retryable: false, message: 'You may not redact this event.' },
  SW_CONTENT_TOO_LARGE: { status: 413, retryable: false, message: 'The content, or the event that carries it, is too large.' },

  SW_SIDEKICK_NOT_FOUND: { status: 404, retryable: false, message: 'No such sidekick.' },
  SW_SIDEKICK_CAPACITY: { status: 409, retryable: true, message: 'The limit of sidekicks is reached.' },
  SW_SIDEKICK_ENDED: { status: 409, retryable: false, message: 'The sidekick has ended already.' },
  SW_SIDEKICK_SPENT: { status: 409, retryable: false, message: 'The steps or tokens of the task are used up; it has ended.' },
  SW_SIDEKICK_TOKEN: { status: 401, retryable: false, message: 'This token is not the one of a task that is under way.' },

  SW_PLAN_NOT_FOUND: { status: 404, retryable: false, message: 'This room has no plan.' },
  SW_PLAN_NOT_RUNNING: { status: 409, retryable: false, message: 'The plan is not in a state to go on.' },
  SW_PLAN_NOT_PAUSABLE: { status: 409, retryable: false, message: 'Only a running plan can be paused.' },
  SW_PLAN_CONFLICT: { status: 409, retryable: false, message: 'The plan is not the one you have in mind.' },
  SW_PLAN_CAPACITY: { status: 409, retryable: false, message: 'The plan has too many steps.' },
  SW_MEDIA_NOT_FOUND: { status: 404, retryable: false, message: 'No such file.' },
  SW_MEDIA_LINK: { status: 403, retryable: false, message: 'The link is not valid, or not any more.' },
  SW_STORAGE_FULL: { status: 507, retryable: true, message: 'There is no room for this file here now.' },

  SW_FED_PEER_UNKNOWN: { status: 401, retryable: true, message: 'This server is not known here yet.' },
  SW_FED_PEER_DENIED: { status: 403, retryable: false, message: 'This server is not accepted here.' },
  SW_FED_PEER_FROZEN: { status: 403, retryable: true, message: 'The keys of this server await an administrator.' },
  SW_FED_PEER_UNREACHABLE: { status: 502, retryable: true, message: 'The other server cannot be reached now.' },
  SW_FED_DESCRIPTOR_INVALID: { status: 502, retryable: true, message: 'The other server does not describe itself correctly.' },
  SW_FED_ANSWER_INVALID: { status: 502, retryable: true, message: 'The other server does not answer as agreed.' },
  SW_FED_DESTINATION_UNKNOWN: { status: 404, retryable: false, message: 'The destination is not served here.' },
  SW_FED_SIGNATURE_MISSING: { status: 401, retryable: false, message: 'The request is not signed as required.' },
  SW_FED_SIGNATURE_MISMATCH: { status: 401, retryable: false, message: 'The signature does not match.' },
  SW_FED_SIGNATURE_EXPIRED: { status: 401, retryable: true, message: 'The signature is outside its time window.' },
  SW_FED_REPLAY: { status: 401, retryable: true, message: 'This signed request was received before.' },
  SW_FED_KEY_UNKNOWN: { status: 401, retryable: true, message: 'The signing key is not known here yet.' },
  SW_FED_KEY_REFUSED: { status: 403, retryable: false, message: 'The signing key is not acceptable.' },
  SW_FED_DIGEST_MISMATCH: { status: 400, retryable: false, message: 'The body does not match its digest.' },
  SW_FED_PROTOCOL_VERSION: { status: 400, retryable: false, message: 'There is no common protocol version.' },
  SW_FED_ORIGIN_MISMATCH: { status: 403, retryable: false, message: 'The event is not of the server that sent it.' },
  SW_FED_EVENT_INVALID: { status: 400, retryable: false, message: 'The event is not well-formed.' },
  SW_FED_EVENT_SIGNATURE: { status: 401, retryable: false, message: "The event's signature does not match." },
  SW_FED_EVENT_CONFLICT: { status: 409, retryable: false, message: 'This event id was used for another event.' },
  SW_FED_EVENT_IN_FUTURE: { status: 400, retryable: true, message: 'The event is dated in the future.' },
  SW_FED_NOT_HOME: { status: 403, retryable: false, message: 'Only the home of a room may send this.' },
  SW_FED_ROOM_NOT_FEDERATED: { status: 403, retryable: false, message: 'The room does not accept federation.' },
  SW_FED_POLICY: { status: 403, retryable: false, message: 'The federation policy does not allow this.' },
  SW_FED_ROOM_TOO_LARGE: { status: 409, retryable: false, message: 'The room has too many people for another server to join.' },
  SW_FED_CAPACITY: { status: 409, retryable: true, message: 'The limit of foreign participants is reached.' },
  SW_FED_CHAIN_FORK: { status: 409, retryable: false, message: 'The log contradicts the one held here.' },
  SW_FED_CHAIN_INVALID: { status: 400, retryable: false, message: 'The run does not follow from its chain.' },
  SW_FED_HEAD_INVALID: { status: 401, retryable: false, message: 'The head is not signed by the home.' },
  SW_FED_START_INVALID: { status: 400, retryable: false, message: 'The start of the room does not verify.' },
  SW_FED_LANE_FROZEN: { status: 409, retryable: true, message: 'The room is frozen after a contradiction.' },
  SW_FED_NOT_FROZEN: { status: 409, retryable: false, message: 'No contradiction has frozen this room.' },
  SW_FED_SUBMISSIONS_FULL: { status: 409, retryable: true, message: "Too many events wait for the room's home." },
  SW_FED_SUBMISSION_EXPIRED: { status: 409, retryable: false, message: "The room's home could not be reached in 30 days." },

  SW_BRIDGE_NOT_FOUND: { status: 404, retryable: false, message: 'No such bridge.' },
  SW_BRIDGE_SIGNATURE: { status: 401, retryable: false, message: 'The signature is missing, wrong or out of time.' },
  SW_BRIDGE_PAUSED: { status: 409, retryable: true, message: 'The bridge is paused.' },
  SW_BRIDGE_DIRECTION: { status: 403, retryable: false, message: 'The bridge does not relay in this direction.' },
  SW_BRIDGE_TRANSPORT: { status: 400, retryable: false, message: 'This kind of bridge is not available.' },
  SW_BRIDGE_CHANNEL_TAKEN: { status: 409, retryable: false, message: 'Another bridge relays this channel into the room.' },
  SW_BRIDGE_URL_REFUSED: { status: 400, retryable: false, message: 'The webhook address may not be called.' },
  SW_BRIDGE_FOREIGN_AUTHOR: { status: 403, retryable: false, message: 'Only the author may change this message.' },
  SW_BRIDGE_CAPACITY: { status: 409, retryable: true, message: 'The limit of bridged people is reached.' },
  SW_DELIVERY_NOT_FOUND: { status: 404, retryable: false, message: 'No such delivery.' },

  SW_AI_NO_TOKEN: { status: 503, retryable: true, message: 'There is no valid key for ScaiGrid.' },
  SW_AI_UNAVAILABLE: { status: 502, retryable: true, message: 'ScaiGrid does not answer as agreed.' },
  SW_AI_MODEL_NOT_FOUND: { status: 404, retryable: false, message: 'No such model.' },
  SW_AI_MODEL_DISABLED: { status: 409, retryable: false, message: 'The model is not enabled.' },
  SW_AI_BUDGET_EXCEEDED: { status: 409, retryable: true, message: 'The AI tokens of this month are used up.' },
  SW_STUDIO_DISABLED: { status: 403, retryable: false, message: 'The prompt studio is off.' },
  SW_STUDIO_FORBIDDEN: { status: 403, retryable: false, message: 'The prompt studio is not open to you.' },
  SW_SCAIKEY_SIGNATURE: { status: 401, retryable: false, message: 'The signature is missing, wrong or out of time.' },
  SW_SCAIKEY_UNREACHABLE: { status: 502, retryable: true, message: 'ScaiKey did not answer as it documents.' },
} as const satisfies Record<string, { readonly status: number; readonly retryable: boolean; readonly message: string }>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(ERRORS, text);
}

/**
 * What a refusal is to whoever runs the node: a fault of the node, a hindrance that lies elsewhere (a setting, a service,
 * another server, a full disk), or a no that concerns the caller alone. The table says which, by the status.
 */
export type Gravity = 'fault' | 'hindrance' | 'refusal';

export function gravityOf(code: ErrorCode): Gravity {
  const { status } = ERRORS[code];
  if (status < 500) return 'refusal';
  return status === 500 ? 'fault' : 'hindrance';
}

export interface ErrorDetails {
  readonly cause?: unknown;
  /** Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** Added to the public sentence; must hold nothing secret and nothing of another tenant. */
  readonly publicDetail?: string;
}

/** A refusal we expected. Anything else that is thrown is a bug and leaves as a bare 500. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly retryAfterSeconds: number | undefined;
  readonly publicDetail: string | undefined;

  /** `operatorNote` goes to the log and never leaves the process. */
  constructor(
    readonly code: ErrorCode,
    operatorNote: string,
    details: ErrorDetails = {},
  ) {
    super(`${code}: ${operatorNote}`, { cause: details.cause });
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.publicDetail = details.publicDetail;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** A refusal as a value, for those who must go on. */
export async function outcomeOf<T>(work: Promise<T>): Promise<T | GatewayError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

/** The code that something thrown counts as: its own, or that of a fault of ours. */
export function codeOf(thrown: unknown): ErrorCode {
  return thrown instanceof GatewayError ? thrown.code : 'SW_INTERNAL';
}

/** The part of a refusal that may leave the process. */
export function publicMessage(error: GatewayError): string {
  const { message } = ERRORS[error.code];
  return error.publicDetail === undefined ? message : `${message} ${error.publicDetail}`;
}
