import type { Caller, Role } from '../kernel/caller.js';
import type { JsonValue } from '../kernel/events.js';
import type { Customer } from '../flows/api/acting.js';
import type { Answer, Call } from './call.js';
import type { ReplyShape } from './reply.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Who may call: anybody, a person with at least this role, a signing server, whoever holds a bridge's secret or a task's token, or ScaiKey. */
export type Who = 'nobody' | Role | 'peer' | 'bridge' | 'scaikey' | 'sidekick';

/** What routes need of the rest of the node to turn bytes into input. */
export interface Gate {
  /** Finds the person behind a call and holds the route's role against theirs. */
  readonly admit: (call: Call, needed: Role) => Promise<Caller>;
  /** The same for the admin of a partner, in the tenant of a customer; `customer` is asked once the role is known to reach. */
  readonly admitFor: (call: Call, customer: () => Customer) => Promise<Caller>;
  /** Strict JSON, as everywhere on the wire. */
  readonly parseJson: (bytes: Buffer) => JsonValue;
  /** Refuses with SW_BAD_SCHEMA what does not fit. */
  readonly validate: <T>(schemaId: string, value: unknown) => T;
  /** Called with every result before it is sent; in tests it checks the promise of the response schema. */
  readonly inspectReply: (schemaId: string, result: unknown) => void;
}

/** One line of the API, complete enough to be compared with specs/openapi.json. */
export interface Route {
  readonly method: Method;
  /** As OpenAPI spells it: `/v1/rooms/{room_id}`. */
  readonly path: string;
  readonly who: Who;
  /** Path parameters whose value may hold slashes, written as they are. */
  readonly wide?: readonly string[];
  readonly summary: string;
  /** Names of the query parameters it reads. */
  readonly query: readonly string[];
  /** Schema of the body, `null` when it takes none. */
  readonly request: string | null;
  /** True when an absent body means the same as `{}`. */
  readonly requestOptional: boolean;
  /** True when the body is a file, as it is or as the part `file` of a form, and is read as it comes. */
  readonly takesFile?: boolean;
  /** Schema of the result, or of one item of it. */
  readonly response: string | null;
  readonly responseKind: ReplyShape<unknown>['kind'];
  readonly run: (call: Call, gate: Gate) => Promise<Answer>;
}
