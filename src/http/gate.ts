import { roleReaches, type Caller, type Role } from '../kernel/caller.js';
import type { JsonValue } from '../kernel/events.js';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { Rates } from '../kernel/rates.js';
import type { ActingApi } from '../flows/api/acting.js';
import type { Authenticator } from '../flows/api/authenticator.js';
import { bearerOf } from './bearer.js';
import type { Call } from './call.js';
import type { Gate } from './route.js';

export function tokenOf(authorization: string | undefined): string {
  const token = bearerOf(authorization);
  if (token === undefined) throw new GatewayError('SW_AUTH_INVALID_TOKEN', 'no bearer token');
  return boundedToken(token);
}

/** Refuses what is too long to be a token before anything looks into it. */
export function boundedToken(token: string): string {
  if (token.length > LIMITS.tokenBytesMax) throw new GatewayError('SW_AUTH_INVALID_TOKEN', 'token too long');
  return token;
}

const LOOKS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

export interface GateParts {
  readonly authenticator: Authenticator;
  readonly acting: ActingApi;
  readonly rates: Rates;
  readonly parseJson: (bytes: Buffer) => JsonValue;
  readonly contract: { validate<T>(schemaId: string, value: unknown): T };
  /** True where a reply that breaks its schema should fail loudly instead of leaving: in tests. */
  readonly checkReplies: boolean;
}

export function makeGate({ authenticator, acting, rates, parseJson, contract, checkReplies }: GateParts): Gate {
  const admit = async (call: Call, needed: Role): Promise<Caller> => {
    const caller = await authenticator.authenticate(tokenOf(call.headers['authorization']), call.requestId);
    await rates.spend(caller.ctx, { scope: 'user', id: caller.participantId }, call.counted);
    if (roleReaches(caller.role, needed)) return caller;
    throw new GatewayError('SW_AUTH_INSUFFICIENT_PERMISSION', `${caller.role} is not ${needed}`);
  };
  return {
    admit,
    async admitFor(call, customer) {
      const caller = await admit(call, 'partner_admin');
      return acting.actFor(caller, customer(), LOOKS.has(call.method) ? 'look' : 'change');
    },
    parseJson,
    validate: (schemaId, value) => contract.validate(schemaId, value),
    inspectReply: (schemaId, result) => {
      if (checkReplies) checkReply(contract, schemaId, result);
    },
  };
}

/** A reply is compared as its reader will see it: after JSON has dropped what JSON drops. */
function checkReply(contract: GateParts['contract'], schemaId: string, result: unknown): void {
  try {
    contract.validate(schemaId, JSON.parse(JSON.stringify(result)));
  } catch (cause) {
    throw new Error(`the reply is not a ${schemaId}`, { cause });
  }
}
