import { open } from 'node:fs/promises';
import { loadContract } from '../contract/contract.js';
import { checkExport, type ExportVerdict } from '../flows/audit/check-export.js';
import { SPECS } from './node.js';

/** Follows an exported audit; needs no database. */
export async function checkAuditExport(path: string): Promise<ExportVerdict> {
  const file = await open(path);
  try {
    return await checkExport(file.createReadStream({ autoClose: false }), loadContract(SPECS));
  } finally {
    await file.close();
  }
}
