/** One reason not to start: a stable name for tests and logs, and a sentence for the operator. */
export interface Finding {
  readonly rule: Rule;
  readonly sentence: string;
}

export type Rule =
  | 'unreachable'
  | 'server-old'
  | 'schema-old'
  | 'role-power'
  | 'role-inherits'
  | 'role-membership'
  | 'role-owns'
  | 'role-privilege'
  | 'system-sees-more'
  | 'table-without-tenant'
  | 'table-unlocked'
  | 'relation-unlockable'
  | 'view-without-invoker'
  | 'policy-unlisted'
  | 'policy-missing'
  | 'table-not-append-only'
  | 'definer-function'
  | 'key-without-tenant'
  | 'platform'
  | 'data-in-use'
  | 'data-unusable'
  | 'server-failed'
  | 'master-key'
  | 'owner-url';

/** The node does not run on what it found. The message says what to do, one line for each finding. */
export class StartRefusal extends Error {
  override readonly name = 'StartRefusal';

  constructor(readonly findings: readonly Finding[]) {
    super(findings.map(({ sentence }) => sentence).join('\n'));
  }
}

export function refuseStart(rule: Rule, sentence: string): never {
  throw new StartRefusal([{ rule, sentence }]);
}
