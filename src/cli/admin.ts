import { Command } from 'commander';
import type { Config } from '../config/config.js';
import type { Admin } from '../app/admin.js';
import type { Application } from './application.js';
import { keyLine, partnerCommands, tenantCommands } from './tenant-commands.js';
import type { Terminal } from './terminal.js';

/** `scaiwave admin …`: what an operator does beside the HTTP interface. */
export function adminCommand(app: Pick<Application, 'openAdmin'>, config: () => Config, terminal: Pick<Terminal, 'out'>): Command {
  const admin = new Command('admin').description('tenants, partners and federation keys');

  async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const opened = await app.openAdmin(config());
    try {
      return await work(opened);
    } finally {
      await opened.close();
    }
  }

  tenantCommands(admin, withAdmin, terminal);
  partnerCommands(admin, withAdmin, terminal);

  const key = admin.command('federation').description('federation').command('key').description('signing keys of a tenant');
  key
    .command('generate')
    .description('make the first key of a tenant that has none')
    .option('--tenant <slug>', 'tenant; may be left out while there is one only')
    .action(async ({ tenant }: { readonly tenant?: string }) => {
      terminal.out(keyLine(await withAdmin((opened) => opened.generateFederationKey(tenant))));
    });
  key
    .command('rotate')
    .description('make a new key; the old one stays valid for 30 days')
    .option('--tenant <slug>', 'tenant; may be left out while there is one only')
    .action(async ({ tenant }: { readonly tenant?: string }) => {
      terminal.out(keyLine(await withAdmin((opened) => opened.rotateFederationKey(tenant))));
    });
  return admin;
}
