import type { Command } from 'commander';
import type { Admin, FederationKey } from '../app/admin.js';
import type { TenantSummary, Use } from '../app/tenant-acts.js';
import { GatewayError } from '../kernel/errors.js';
import type { Terminal } from './terminal.js';

/** Opens what an operator works with, and closes it when the work is done. */
type WithAdmin = <T>(work: (admin: Admin) => Promise<T>) => Promise<T>;

interface TenantOptions {
  readonly slug: string;
  readonly name: string;
  readonly scaikeyTenantId: string;
  readonly serverName?: string;
  readonly partnerId?: string;
}

interface PartnerOptions {
  readonly partnerId: string;
  readonly name: string;
  readonly maxTenants?: string;
  readonly tenant?: string;
}

export function tenantCommands(admin: Command, withAdmin: WithAdmin, terminal: Pick<Terminal, 'out'>): void {
  admin
    .command('create-tenant')
    .description('make a tenant and its first federation key')
    .requiredOption('--slug <slug>', 'short name, unique on this node')
    .requiredOption('--name <name>', 'name that people see')
    .requiredOption('--scaikey-tenant-id <id>', 'tenant of ScaiKey whose people these are')
    .option('--server-name <name>', 'server name, never to be changed; otherwise <slug>.<SCAIWAVE_SERVER_NAME>')
    .option('--partner-id <id>', 'partner whose fleet it joins')
    .action(async (options: TenantOptions) => {
      const made = await withAdmin((opened) => opened.createTenant({ ...options, serverName: options.serverName, partnerId: options.partnerId }));
      terminal.out(`tenant ${made.tenantId}`);
      terminal.out(keyLine(made.key));
    });

  admin
    .command('list-tenants')
    .description('all tenants, with the use of every limit')
    .option('--json', 'one JSON array instead of a table')
    .action(async ({ json }: { readonly json?: true }) => {
      const tenants = await withAdmin((opened) => opened.listTenants());
      terminal.out(json === true ? JSON.stringify(tenants) : tenantTable(tenants));
    });

  admin
    .command('suspend-tenant')
    .description('refuse its people, peers and bridges, and let its lanes stand still')
    .requiredOption('--tenant <slug>', 'tenant')
    .action(async ({ tenant }: { readonly tenant: string }) => {
      await withAdmin((opened) => opened.suspendTenant(tenant));
      terminal.out(`tenant ${tenant} is suspended`);
    });

  admin
    .command('resume-tenant')
    .description('let a suspended tenant go on where it was')
    .requiredOption('--tenant <slug>', 'tenant')
    .action(async ({ tenant }: { readonly tenant: string }) => {
      await withAdmin((opened) => opened.resumeTenant(tenant));
      terminal.out(`tenant ${tenant} is active`);
    });

  admin
    .command('set-limit')
    .description('set a limit of a tenant')
    .argument('<limit>', 'its name, such as max_rooms')
    .argument('<value>', 'a whole number, or default')
    .requiredOption('--tenant <slug>', 'tenant')
    .action(async (limit: string, value: string, { tenant }: { readonly tenant: string }) => {
      const asked = value === 'default' ? null : wholeNumber(value);
      const inForce = await withAdmin((opened) => opened.setLimit(tenant, limit, asked));
      const isOverridden = asked !== null && inForce !== asked;
      terminal.out(`${limit} of ${tenant} is ${inForce ?? 'none'}${isOverridden ? ', as a flag of the tenant says in its place' : ''}`);
    });
}

export function partnerCommands(admin: Command, withAdmin: WithAdmin, terminal: Pick<Terminal, 'out'>): void {
  admin
    .command('create-partner')
    .description('make a partner, whose admins run a fleet of tenants')
    .requiredOption('--partner-id <id>', 'partner of ScaiKey, prt_…')
    .requiredOption('--name <name>', 'name that people see')
    .option('--max-tenants <count>', 'how many tenants its fleet may have, or none for no limit')
    .option('--tenant <slug>', "the platform's tenant that keeps it; may be left out while there is one only")
    .action(async ({ partnerId, name, maxTenants, tenant }: PartnerOptions) => {
      const most = maxTenants === undefined ? undefined : maxTenants === 'none' ? null : wholeNumber(maxTenants);
      await withAdmin((opened) => opened.createPartner({ partnerId, name, maxTenants: most, tenant }));
      terminal.out(`partner ${partnerId}`);
    });

  admin
    .command('list-partners')
    .description('all partners, and how much of their fleets is taken')
    .option('--json', 'one JSON array instead of a table')
    .action(async ({ json }: { readonly json?: true }) => {
      const partners = await withAdmin((opened) => opened.listPartners());
      const rows = [['PARTNER', 'NAME', 'STATUS', 'TENANTS'], ...partners.map((p) => [p.partnerId, p.name, p.status, use(p.tenants)])];
      terminal.out(json === true ? JSON.stringify(partners) : table(rows));
    });
}

export function keyLine({ keyId, publicKey, validUntilMs }: FederationKey): string {
  return `key ${keyId} ${publicKey} valid until ${new Date(validUntilMs).toISOString()}`;
}

function wholeNumber(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new GatewayError('SW_BAD_REQUEST', `${text} is no whole number`);
}

function use({ used, limit }: Use): string {
  return `${used ?? '-'}/${limit ?? '-'}`;
}

/** Every limit with what is in use of it; `-` is unknown, or no limit. */
function tenantTable(tenants: readonly TenantSummary[]): string {
  const counted = Object.keys(tenants[0]?.uses ?? {});
  return table([
    ['SLUG', 'NAME', 'SERVER NAME', 'PARTNER', 'STATUS', ...counted.map(heading)],
    ...tenants.map((t) => [t.slug, t.name, t.serverName, t.partnerId ?? '-', t.status, ...counted.map((what) => use(t.uses[what] ?? { used: null, limit: null }))]),
  ]);
}

function heading(what: string): string {
  return what === 'participants' ? 'MEMBERS' : what === 'ai_tokens' ? 'AI TOKENS MTD' : what.replaceAll('_', ' ').toUpperCase();
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}
