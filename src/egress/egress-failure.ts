/**
 * How a call out can fail. `retryable`: the same call may succeed later. `mayHaveArrived`: the request, or a part of it,
 * may have been read by the other side, so repeating it may do its work twice.
 */
export const EGRESS_FAILURES = {
  'refused-url': { retryable: false, mayHaveArrived: false },
  'refused-address': { retryable: false, mayHaveArrived: false },
  resolve: { retryable: true, mayHaveArrived: false },
  connect: { retryable: true, mayHaveArrived: false },
  tls: { retryable: true, mayHaveArrived: false },
  busy: { retryable: true, mayHaveArrived: false },
  timeout: { retryable: true, mayHaveArrived: true },
  broken: { retryable: true, mayHaveArrived: true },
  redirect: { retryable: false, mayHaveArrived: true },
  encoding: { retryable: false, mayHaveArrived: true },
  'too-large': { retryable: false, mayHaveArrived: true },
} as const satisfies Record<string, { readonly retryable: boolean; readonly mayHaveArrived: boolean }>;

export type EgressFailureKind = keyof typeof EGRESS_FAILURES;

/** A call out that gave no usable answer. The message is for operators and tenants' admins: no path, no credentials. */
export class EgressFailure extends Error {
  override readonly name = 'EgressFailure';

  constructor(
    readonly kind: EgressFailureKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }

  get retryable(): boolean {
    return EGRESS_FAILURES[this.kind].retryable;
  }

  get mayHaveArrived(): boolean {
    return EGRESS_FAILURES[this.kind].mayHaveArrived;
  }
}

const TLS_CODE = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|EPROTO)/;
const RESOLVE_CODES: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'ENODATA', 'ESERVFAIL']);
const CONNECT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT',
]);

/** Sorts whatever the HTTP client threw by its code; never by its text. */
export function egressFailureOf(thrown: unknown): EgressFailure {
  if (thrown instanceof EgressFailure) return thrown;
  const code = codeOf(thrown);
  if (TLS_CODE.test(code)) return new EgressFailure('tls', `TLS failed (${code})`, thrown);
  if (RESOLVE_CODES.has(code)) return new EgressFailure('resolve', `the host name does not resolve (${code})`, thrown);
  if (CONNECT_CODES.has(code)) return new EgressFailure('connect', `no connection (${code})`, thrown);
  if (code === 'UND_ERR_MAX_ORIGINS_REACHED') return new EgressFailure('busy', 'too many hosts are being called', thrown);
  return new EgressFailure('broken', `the exchange broke off (${code})`, thrown);
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return codeOf(thrown.errors[0]);
  const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : 'no code';
}
