import type { Caller, Role } from '../kernel/caller.js';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import type { PeerCall, PeerRequest } from '../flows/api/federation-server.js';
import type { Answer, Call } from './call.js';
import { bearerOf } from './bearer.js';
import { readJsonBody, requireJsonType } from './json-body.js';
import type { BodySpec } from './json-body.js';
import { readParams, readQuery } from './read.js';
import type { QueryReaders, Readers, ReadParams, ReadQuery } from './read.js';
import { readFile, type UploadedFile } from './read-file.js';
import type { ReplyShape } from './reply.js';
import type { Gate, Method, Route } from './route.js';

interface Common<P extends Readers, Q extends QueryReaders, T> {
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly params?: P;
  /** Those of `params` whose value may hold slashes. */
  readonly wide?: readonly (string & keyof P)[];
  readonly query?: Q;
  readonly reply: ReplyShape<T>;
}

type Described = Pick<Route, 'method' | 'path' | 'wide' | 'summary' | 'query' | 'response' | 'responseKind'>;

interface Input<P extends Readers, Q extends QueryReaders> {
  readonly params: ReadParams<P>;
  readonly query: ReadQuery<Q>;
  readonly call: Call;
}

interface UserRoute<P extends Readers, Q extends QueryReaders, B, T> extends Common<P, Q, T> {
  readonly who: Role;
  readonly body?: BodySpec<B>;
  readonly handle: (input: Input<P, Q> & { readonly caller: Caller; readonly body: B }) => Promise<T>;
}

interface UploadRoute<P extends Readers, Q extends QueryReaders, T> extends Common<P, Q, T> {
  readonly who: Role;
  readonly handle: (input: Input<P, Q> & { readonly caller: Caller; readonly file: UploadedFile }) => Promise<T>;
}

interface OpenRoute<P extends Readers, Q extends QueryReaders, T> extends Common<P, Q, T> {
  readonly who: 'nobody';
  readonly handle: (input: Input<P, Q>) => Promise<T> | T;
}

interface PeerRoute<P extends Readers, Q extends QueryReaders, T> extends Common<P, Q, T> {
  readonly who: 'peer';
  readonly method: 'GET' | 'POST';
  /** Schema of the body; checked by the flow, after the signature. */
  readonly request: string | null;
  readonly screen: (call: PeerCall) => Promise<void>;
  readonly handle: (input: Input<P, Q> & { readonly request: PeerRequest }) => Promise<T>;
}

interface BridgeRoute<P extends Readers, T> extends Common<P, Record<string, never>, T> {
  readonly who: 'bridge';
  /** Schema of the body; checked by the flow, after the signature. */
  readonly request: string;
  readonly handle: (input: Input<P, Record<string, never>> & { readonly body: Buffer }) => Promise<T>;
}

interface ScaikeyRoute<T> extends Common<Record<string, never>, Record<string, never>, T> {
  readonly who: 'scaikey';
  /** Schema of the body; checked by the flow, after the signature. */
  readonly request: string;
  readonly screen: () => void;
  readonly handle: (input: { readonly call: Call; readonly body: Buffer }) => Promise<T>;
}

interface SidekickRoute<P extends Readers, B, T> extends Common<P, Record<string, never>, T> {
  readonly who: 'sidekick';
  readonly body: BodySpec<B>;
  readonly handle: (input: Input<P, Record<string, never>> & { readonly token: string; readonly body: B }) => Promise<T>;
}

/** A call by a person: who they are first, then what they want. */
export function userRoute<P extends Readers, Q extends QueryReaders, B, T>(spec: UserRoute<P, Q, B, T>): Route {
  return {
    ...described(spec),
    who: spec.who,
    request: spec.body?.schema ?? null,
    requestOptional: spec.body?.optional ?? false,
    async run(call, gate) {
      const caller = await gate.admit(call, spec.who);
      const input = inputOf(spec, call);
      const given = spec.body === undefined ? (undefined as B) : await readJsonBody(call, gate, spec.body, 'proven');
      return answered(spec.reply, await spec.handle({ ...input, caller, body: given }), gate, call);
    },
  };
}

/** A call by a person who brings a file: it is read as it comes, and never held whole. */
export function uploadRoute<P extends Readers, Q extends QueryReaders, T>(spec: UploadRoute<P, Q, T>): Route {
  return {
    ...described(spec),
    who: spec.who,
    request: null,
    requestOptional: false,
    takesFile: true,
    async run(call, gate) {
      const caller = await gate.admit(call, spec.who);
      const input = inputOf(spec, call);
      const opened = call.openBody({ bytesMax: LIMITS.mediaBytesMax + LIMITS.mediaFormBytesMax });
      try {
        const file = await readFile(opened, call.headers);
        return await answered(spec.reply, await spec.handle({ ...input, caller, file }), gate, call);
      } finally {
        opened.end();
      }
    },
  };
}

/** A call that anybody may make. */
export function openRoute<P extends Readers, Q extends QueryReaders, T>(spec: OpenRoute<P, Q, T>): Route {
  return {
    ...described(spec),
    who: spec.who,
    request: null,
    requestOptional: false,
    async run(call, gate) {
      return answered(spec.reply, await spec.handle(inputOf(spec, call)), gate, call);
    },
  };
}

/** A call by another server: its head is screened before its body is read, and its bytes stay as they came. */
export function peerRoute<P extends Readers, Q extends QueryReaders, T>(spec: PeerRoute<P, Q, T>): Route {
  return {
    ...described(spec),
    who: spec.who,
    request: spec.request,
    requestOptional: false,
    async run(call, gate) {
      const { target, headers, remoteAddress, requestId } = call;
      const head: PeerCall = { method: spec.method, target, headers, remoteAddress, requestId };
      await spec.screen(head);
      const input = inputOf(spec, call);
      if (spec.request !== null) requireJsonType(headers);
      const bytes = spec.request === null ? undefined : await call.readBody(LIMITS.federationBytesMax, 'unproven');
      return answered(spec.reply, await spec.handle({ ...input, request: { ...head, body: bytes, counted: call.counted } }), gate, call);
    },
  };
}

/** A call by an external system: the secret signs the bytes, so they stay as they came. */
export function bridgeRoute<P extends Readers, T>(spec: BridgeRoute<P, T>): Route {
  return {
    ...described(spec),
    who: spec.who,
    request: spec.request,
    requestOptional: false,
    async run(call, gate) {
      const input = inputOf(spec, call);
      requireJsonType(call.headers);
      const bytes = (await call.readBody(LIMITS.bridgeBytesMax, 'unproven')) ?? Buffer.alloc(0);
      return answered(spec.reply, await spec.handle({ ...input, body: bytes }), gate, call);
    },
  };
}

/** A call by ScaiKey: its secret signs the bytes, so they stay as they came, and are not read where there is none. */
export function scaikeyRoute<T>(spec: ScaikeyRoute<T>): Route {
  return {
    ...described(spec),
    who: spec.who,
    request: spec.request,
    requestOptional: false,
    async run(call, gate) {
      spec.screen();
      requireJsonType(call.headers);
      const bytes = (await call.readBody(LIMITS.scaikeyEventBytesMax, 'unproven')) ?? Buffer.alloc(0);
      return answered(spec.reply, await spec.handle({ call, body: bytes }), gate, call);
    },
  };
}

/** A call by a worker, whose token is of one task: the flow holds the two together. */
export function sidekickRoute<P extends Readers, B, T>(spec: SidekickRoute<P, B, T>): Route {
  return {
    ...described(spec),
    who: spec.who,
    request: spec.body.schema,
    requestOptional: spec.body.optional,
    async run(call, gate) {
      const token = bearerOf(call.headers['authorization']);
      if (token === undefined) throw new GatewayError('SW_SIDEKICK_TOKEN', 'no bearer token');
      const input = inputOf(spec, call);
      const given = await readJsonBody(call, gate, spec.body, 'unproven');
      return answered(spec.reply, await spec.handle({ ...input, token, body: given }), gate, call);
    },
  };
}

function described<P extends Readers, Q extends QueryReaders, T>(spec: Common<P, Q, T>): Described {
  return {
    method: spec.method,
    path: spec.path,
    wide: spec.wide ?? [],
    summary: spec.summary,
    query: Object.keys(spec.query ?? {}),
    response: spec.reply.schema,
    responseKind: spec.reply.kind,
  };
}

function inputOf<P extends Readers, Q extends QueryReaders, T>(spec: Common<P, Q, T>, call: Call): Input<P, Q> {
  return {
    params: readParams(spec.params ?? ({} as P), call.params),
    query: readQuery(spec.query ?? ({} as Q), call.target),
    call,
  };
}

async function answered<T>(shape: ReplyShape<T>, result: T, gate: Gate, call: Call): Promise<Answer> {
  if (shape.schema !== null) {
    for (const item of shape.checked(result)) gate.inspectReply(shape.schema, item);
  }
  return shape.render(result, call);
}
