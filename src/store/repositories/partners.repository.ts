import type { PartnerId } from '../../kernel/ids.js';
import { PARTNER_LIMIT_DEFAULTS, type PartnerLimits } from '../../kernel/tenant-limits.js';
import type { TenantScope, Tx } from '../database.js';
import { q } from '../queries.js';

export type PartnerStatus = 'active' | 'suspended';

export interface PartnerRow {
  readonly partner_id: PartnerId;
  readonly name: string;
  readonly status: PartnerStatus;
  readonly limits: PartnerLimits;
  /** Milliseconds since 1970. */
  readonly created_at: number;
}

export type PartnerChange = Partial<Pick<PartnerRow, 'name' | 'status' | 'limits'>>;

/** The partners that one tenant keeps: those made by its platform admins. */
export class PartnersRepository {
  constructor(private readonly tx: Tx) {}

  async add(scope: TenantScope, partner: PartnerRow): Promise<void> {
    await this.tx.rows(q('partners').insert({ tenant_id: scope.tenantId, ...partner, limits: JSON.stringify(partner.limits) }));
  }

  async find(scope: TenantScope, id: PartnerId): Promise<PartnerRow | undefined> {
    const text = 'select partner_id, name, status, limits, created_at from partners where tenant_id = $1 and partner_id = $2';
    return (await this.tx.prepared<PartnerRow>('partner_find', text, [scope.tenantId, id])).map(withDefaults)[0];
  }

  /** The partner as nobody can change it before this transaction ends. */
  async lock(scope: TenantScope, id: PartnerId): Promise<PartnerRow | undefined> {
    const text = 'select partner_id, name, status, limits, created_at from partners where tenant_id = $1 and partner_id = $2 for no key update';
    return (await this.tx.prepared<PartnerRow>('partner_lock', text, [scope.tenantId, id])).map(withDefaults)[0];
  }

  async change(scope: TenantScope, id: PartnerId, { limits, ...others }: PartnerChange): Promise<void> {
    const values = { ...others, ...(limits === undefined ? {} : { limits: JSON.stringify(limits) }) };
    if (Object.keys(values).length > 0) await this.tx.rows(q('partners').where({ tenant_id: scope.tenantId, partner_id: id }).update(values));
  }
}

export function withDefaults<R extends Pick<PartnerRow, 'limits'>>(row: R): R {
  return { ...row, limits: { ...PARTNER_LIMIT_DEFAULTS, ...row.limits } };
}
