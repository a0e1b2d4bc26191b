import { Command, Option } from 'commander';
import type { CheckedAudit } from '../app/admin.js';
import type { Config } from '../config/config.js';
import type { ExportVerdict } from '../flows/audit/check-export.js';
import type { Application } from './application.js';
import type { Terminal } from './terminal.js';

/** An audit that does not hold: said already, and the command must not end well. */
export class AuditBroken extends Error {
  override readonly name = 'AuditBroken';
}

/** `scaiwave audit …`: what administrators did, and whether it is still told as it was. */
export function auditCommand(app: Pick<Application, 'openAdmin' | 'checkAuditExport'>, config: () => Config, terminal: Pick<Terminal, 'out'>): Command {
  const audit = new Command('audit').description('what administrators did');
  audit
    .command('verify')
    .description('follow the hash chain of a tenant; fails at the first row that was changed, taken out or put in')
    .addOption(new Option('--tenant <slug>', 'tenant, or "all"').default('all').conflicts('file'))
    .option('--file <path>', 'an export, in place of what the database holds')
    .action(async ({ tenant, file }: { readonly tenant: string; readonly file?: string }) => {
      const broken = file === undefined ? await checkTenants(tenant) : await checkFile(file);
      if (broken.length > 0) throw new AuditBroken(`The audit does not hold: ${broken.join(', ')}.`);
    });

  const checkTenants = async (tenant: string): Promise<readonly string[]> => {
    const admin = await app.openAdmin(config());
    try {
      const checked = await admin.checkAudits(tenant === 'all' ? undefined : tenant);
      for (const one of checked) terminal.out(verdictLine(one));
      return checked.filter(({ bad }) => bad !== null).map(({ slug }) => slug);
    } finally {
      await admin.close();
    }
  };
  const checkFile = async (path: string): Promise<readonly string[]> => {
    const checked = await app.checkAuditExport(path);
    terminal.out(`${path}: ${exportLine(checked)}`);
    return checked.bad === null ? [] : [path];
  };
  return audit;
}

function verdictLine({ slug, rows, head, bad }: CheckedAudit): string {
  const held = `${slug}: ${rows} rows hold, head ${head.seq} ${head.hash}`;
  return bad === null ? held : `${held}; row ${bad.seq} is bad: ${bad.why}`;
}

function exportLine({ records, head, whole, bad }: ExportVerdict): string {
  const held = `${records} records hold, head ${head.seq} ${head.hash}`;
  if (bad !== null) return `${held}; line ${bad.line} is bad: ${bad.why}`;
  return whole ? held : `${held}; it was filtered, and is no whole chain`;
}
