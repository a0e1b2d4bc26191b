/** Whatever has no spaces: what a token may look like is for those who issue and verify it. */
const BEARER = /^Bearer +([!-~]+)$/i;

export function bearerOf(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}
