/** Lets everybody of a node call as often as they can: for those who measure or besiege it. Holds half a second later. */
export async function raiseRates(asOwner: (sql: string) => Promise<unknown>): Promise<void> {
  const scopes = ['tenant', 'user', 'peer', 'bridge'];
  const raised = Object.fromEntries(scopes.map((scope) => [`${scope}_requests_per_minute`, 1_000_000_000]));
  await asOwner(`update tenants set limits = limits || '${JSON.stringify(raised)}'`);
}
