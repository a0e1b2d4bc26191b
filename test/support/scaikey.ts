import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider, type Configuration } from 'oidc-provider';

const CLIENT_ID = 'app_scaiwave_test';
const JWKS_PATH = '/api/v1/platform/.well-known/jwks.json';
const TOKEN_SECONDS = 3_600;

export type TestAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

export interface TestPerson {
  /** `tnt_…` */
  readonly tenantId: string;
  /** `usr_…` */
  readonly subject: string;
  readonly role?: string;
  readonly algorithm?: TestAlgorithm;
  readonly audience?: string;
  /** Added to, or put over, the documented claims. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** An OpenID provider on loopback that stands for ScaiKey: its key set over HTTP, access tokens as it documents them. */
export interface TestScaikey {
  readonly url: string;
  readonly clientId: string;
  token(person: TestPerson): Promise<string>;
  /** New keys sign from now on; with `forget` the old ones leave the key set. */
  rotate(options?: { readonly forget?: boolean }): Promise<void>;
  /** How often the key set was asked for. */
  fetches(): number;
  /** While true, every request is answered 503. */
  setAway(away: boolean): void;
  /** Public keys now in use, as JWK. */
  publicKeys(): readonly JWK[];
  /** A private key now in use: for the forging of tokens in tests. */
  signingKey(algorithm: TestAlgorithm): JWK;
  close(): Promise<void>;
}

/** `before` may answer a request itself, and then says true. */
export async function testScaikey(before: (request: IncomingMessage, response: ServerResponse) => boolean = () => false): Promise<TestScaikey> {
  let handler: RequestListener = (_request, response) => void response.writeHead(503).end();
  let isAway = false;
  let fetched = 0;
  const claimsOf: ClaimsOf = new WeakMap();
  const server = createServer((request, response) => {
    if (request.url === JWKS_PATH) fetched += 1;
    if (isAway) response.writeHead(503).end();
    else if (!before(request, response)) handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  let keys = await newKeys();
  let old: JWK[] = [];
  let provider = makeProvider();

  function makeProvider(): Provider {
    const made = new Provider(url, configuration([...keys, ...old], claimsOf));
    const callback = made.callback();
    handler = (request, response) => {
      callback(request, response).catch(() => response.destroy());
    };
    return made;
  }

  return {
    url,
    clientId: CLIENT_ID,
    token: (person) => issue(provider, claimsOf, person),
    async rotate({ forget = false } = {}) {
      old = forget ? [] : keys;
      keys = await newKeys();
      provider = makeProvider();
    },
    fetches: () => fetched,
    setAway(away) {
      isAway = away;
    },
    publicKeys: () => keys.map(({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicPart }) => publicPart),
    signingKey: (algorithm) => keys.find(({ alg }) => alg === algorithm) ?? {},
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function newKeys(): Promise<JWK[]> {
  const algorithms: readonly TestAlgorithm[] = ['RS256', 'ES256', 'EdDSA'];
  return Promise.all(
    algorithms.map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `${alg}-${Math.random().toString(36).slice(2)}` };
    }),
  );
}

function configuration(keys: readonly JWK[], claimsOf: ClaimsOf): Configuration {
  return {
    jwks: { keys: [...keys] },
    clients: [{ client_id: CLIENT_ID, client_secret: 'test only', redirect_uris: ['https://client.test/callback'] }],
    routes: { jwks: JWKS_PATH, token: '/api/v1/platform/oauth/token', authorization: '/api/v1/platform/oauth/authorize' },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    formats: {
      customizers: {
        // ScaiKey issues for each tenant under an issuer of its own, and a test may override any claim.
        jwt(_ctx, token, parts) {
          Object.assign(parts.payload, claimsOf.get(token));
        },
      },
    },
  };
}

/** The claims of a token that is about to be signed. */
type ClaimsOf = WeakMap<object, Readonly<Record<string, unknown>>>;

async function issue(provider: Provider, claimsOf: ClaimsOf, person: TestPerson): Promise<string> {
  const { tenantId, subject, role, algorithm = 'RS256', audience = CLIENT_ID, claims = {} } = person;
  const client = await provider.Client.find(CLIENT_ID);
  if (client === undefined) throw new Error('the test client is missing');
  const token = new provider.AccessToken({ accountId: subject, client, scope: 'openid profile email', gty: 'authorization_code', grantId: 'test' });
  token.resourceServer = new provider.ResourceServer(audience, {
    scope: 'openid profile email',
    audience,
    accessTokenFormat: 'jwt',
    accessTokenTTL: TOKEN_SECONDS,
    jwt: { sign: { alg: algorithm } },
  });
  claimsOf.set(token, { iss: `${provider.issuer}/tenants/${tenantId}`, tenant_id: tenantId, ...(role === undefined ? {} : { role }), ...claims });
  return token.save();
}
