/** How a bridge is named in `via`: `<bridge id>:<server name>`. */
export function hopOf(bridgeId: string, serverName: string): string {
  return `${bridgeId}:${serverName}`;
}

/** A bridge's id is its own on every server. */
export function passedThrough(via: readonly string[], bridgeId: string): boolean {
  return via.some((hop) => hop === bridgeId || hop.startsWith(`${bridgeId}:`));
}
