import type { AuditAct } from '../../kernel/audit-acts.js';

/** What ScaiKey's word changed here: for metrics, and for the operator who asked for it. */
export interface ScaikeyChange {
  readonly act: AuditAct;
  /** Slug of the tenant in which it happened. */
  readonly tenant: string;
  /** Id of ScaiKey: `prt_…`, `tnt_…`, `usr_…`. */
  readonly resource: string;
}

/** `duplicate`: the event was heard before. `ignored`: it concerns nothing that is kept here. */
export type Heard = readonly ScaikeyChange[] | 'duplicate' | 'ignored';
