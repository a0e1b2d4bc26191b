import { parseServerName } from '../../src/kernel/ids.js';
import type { AuditRecord } from '../../src/protocol/audit.js';
import { FlowsProcess } from './flows-process.js';
import { gateways, type Gateway } from './gateway.js';

export const SECOND_ADMIN = 'mock:second:admin:tenant_admin';

interface AuditPage {
  readonly items: readonly AuditRecord[];
  readonly hasMore: boolean;
  readonly cursor: string | null;
}

/** One node with two tenants, `first` and `second`, and what administrators do there. */
export class AuditedGateway {
  constructor(readonly gateway: Gateway) {}

  static async open(): Promise<AuditedGateway> {
    const [gateway] = await gateways(['first.example']);
    if (gateway === undefined) throw new Error('one gateway');
    const maker = await FlowsProcess.open(gateway.database);
    await maker.core.tenantMaker.create({ slug: 'second', name: 'Second', scaikeyTenantId: 'tnt_second', serverName: parseServerName('second.example'), partnerId: null }, 'cli');
    await maker.close();
    return new AuditedGateway(gateway);
  }

  async room(who = 'admin'): Promise<string> {
    return (await this.gateway.ask<{ id: string }>(who, 'POST', '/v1/rooms', { room_type: 'public', name: 'A room' })).id;
  }

  /** Makes a bridge that only brings. */
  async bridge(room: string, who = 'admin', name = 'A bridge'): Promise<string> {
    return (await this.gateway.ask<{ bridge_id: string }>(who, 'POST', '/v1/admin/bridges', { name, transport: 'custom', room_id: room, direction: 'in' })).bridge_id;
  }

  async page(query = '', who = 'admin'): Promise<AuditPage> {
    const { status, body } = await this.gateway.call(who, 'GET', `/v1/admin/audit?${query}`);
    if (status !== 200) throw new Error(`${query} answered ${status} ${body.error?.code}`);
    const { has_more: hasMore, next_cursor: cursor } = body.meta as { has_more: boolean; next_cursor: string | null };
    return { items: body.data as readonly AuditRecord[], hasMore, cursor };
  }

  /** All that fit a filter, newest first, some at a time. */
  async pages(query = '', limit = 200, between: () => Promise<unknown> = async () => undefined): Promise<readonly AuditRecord[]> {
    const found: AuditRecord[] = [];
    for (let from = ''; ; await between()) {
      const { items, hasMore, cursor } = await this.page(`${query}&limit=${limit}${from}`);
      found.push(...items);
      if (!hasMore) return found;
      from = `&from=${cursor}`;
    }
  }
}
