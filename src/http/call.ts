import type { Readable } from 'node:stream';
import type { RateStanding } from '../kernel/rates.js';

/** A request as routes see it: the same over a socket and by hand inside the process. */
export interface Call {
  readonly requestId: string;
  readonly method: string;
  /** Raw request target: path and query, as it was sent. */
  readonly target: string;
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string>>;
  /** Lower-case names, each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  /** Aborts when the client has gone or the node stops. */
  readonly signal: () => AbortSignal;
  /** The body as it came, read once and never beyond `bytesMax`; `undefined` when there is none. */
  readonly readBody: (bytesMax: number, sender: BodySender) => Promise<Buffer | undefined>;
  /** The body piece by piece, for what is too large to be held. Whoever opens it ends it. */
  readonly openBody: (bounds: BodyBounds) => BodyStream;
  /** Called when the call has been counted; the reply will say what is left, whatever else it says. */
  readonly counted: (standing: RateStanding) => void;
}

/** Of those who prove by their body who they are, a process holds so much at a time. */
export type BodySender = 'proven' | 'unproven';

export interface BodyBounds {
  readonly bytesMax: number;
}

export interface BodyStream {
  /** As the client says; `null` when it does not say. */
  readonly lengthBytes: number | null;
  /** Can be walked once. Throws SW_BODY_TOO_LARGE, SW_REQUEST_TIMEOUT, or SW_BAD_REQUEST when the client has gone. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Aborted when nobody waits for an answer any more. */
  readonly gone: AbortSignal;
  /** Lets go of what was not read. */
  readonly end: () => void;
}

/** A reply as it goes out. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** Sent in place of `body` by whoever holds the connection; its length stands in the headers, if it is known. */
  readonly stream?: Readable;
}
