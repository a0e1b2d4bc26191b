import {
  addressOrRange,
  bearerKey,
  connectionUrl,
  integer,
  listenAddress,
  listOf,
  masterKey,
  matching,
  oneOf,
  origin,
  originsByServer,
  path,
  secretText,
  serverName,
  serviceUrl,
  text,
  type Reader,
} from './readers.js';

export interface Setting<T> {
  readonly name: string;
  readonly read: Reader<T>;
  /** As the operator would write it; read like any other text. */
  readonly fallback: string | undefined;
  /** One sentence for the README. */
  readonly about: string;
  /** Documented for the product, accepted here, and without effect in this node. */
  readonly unused: boolean;
}

function setting<T>(name: string, read: Reader<T>, fallback: string, about: string): Setting<T> {
  return { name, read, fallback, about, unused: false };
}

function optional<T>(name: string, read: Reader<T>, about: string): Setting<T | undefined> {
  return { name, read, fallback: undefined, about, unused: false };
}

function unused<T>(name: string, read: Reader<T>, about: string): Setting<T | undefined> {
  return { name, read, fallback: undefined, about, unused: true };
}

const natsName = matching(/^[A-Za-z0-9_-]{1,64}$/, 'must be letters, digits, - and _ only, at most 64');
const clientId = matching(/^[!-~]{1,128}$/, 'must be visible characters, at most 128');
const natsPrefix = matching(/^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$/, 'must be up to four words joined by dots');

const scaigridQueue = matching(/^[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9_-]{1,64}$/, 'must be a scope id and a queue id joined by a slash');

/** Every setting that may be shown. The README table, validation, help and types all come from here. */
export const SETTINGS = {
  serverName: setting('SCAIWAVE_SERVER_NAME', serverName, 'localhost', 'Server name of the first tenant: what stands after the colon in `@person:server`.'),
  authMode: setting('SCAIWAVE_AUTH_MODE', oneOf('mock', 'scaikey', 'hybrid'), 'mock', 'Who vouches for people. `mock` and `hybrid` accept made-up tokens and refuse to start unless bound to loopback.'),
  scaikeyUrl: optional('SCAIWAVE_SCAIKEY_URL', serviceUrl, 'Issuer of the tokens. Required by `scaikey` and `hybrid`.'),
  scaikeyAudience: optional('SCAIWAVE_SCAIKEY_AUDIENCE', listOf(text), 'Audiences, comma-separated; a token must name one of them. Required by `scaikey` and `hybrid`.'),
  scaikeyClientId: optional('SCAIWAVE_SCAIKEY_CLIENT_ID', clientId, "The node's own application at ScaiKey, by which it asks for tenants and people. Without it they come by webhook and first sign-in only."),

  scaigridUrl: optional('SCAIWAVE_SCAIGRID_URL', serviceUrl, 'Model gateway: its models, its accounting and its queue. Without it AI usage is unknown.'),
  scaigridQueue: optional('SCAIWAVE_SCAIGRID_QUEUE', scaigridQueue, 'Queue of ScaiGrid that takes the tasks of sidekicks: `<scope id>/<queue id>`. Needs `SCAIWAVE_SCAIGRID_API_KEY`.'),

  host: setting('SCAIWAVE_HOST', listenAddress, '127.0.0.1', 'Address to listen on.'),
  port: setting('SCAIWAVE_PORT', integer(0, 65_535), '8080', 'Port to listen on; 0 takes a free one.'),
  publicUrl: optional('SCAIWAVE_PUBLIC_URL', origin, 'Where others reach this node; otherwise the address it listens on.'),
  dataDir: setting('SCAIWAVE_DATA_DIR', path, './data', 'Folder of uploaded files, the embedded PostgreSQL and the generated master key. Processes on one database share it.'),
  roles: setting('SCAIWAVE_ROLES', listOf(oneOf('api', 'worker', 'scheduler')), 'api,worker,scheduler', 'What this process does; run any number of each.'),
  masterKeyFile: optional('SCAIWAVE_MASTER_KEY_FILE', path, 'File with the master key; otherwise one is made in the data folder.'),
  egressAllow: optional('SCAIWAVE_EGRESS_ALLOW', listOf(addressOrRange), 'IP addresses and ranges that outbound calls may reach although they are private or special.'),
  trustedProxies: setting('SCAIWAVE_TRUSTED_PROXIES', listOf(addressOrRange), '127.0.0.0/8,::1', 'Proxies whose `X-Forwarded-For` is believed, as addresses and ranges; they are not rate-limited themselves.'),
  peerUrls: optional('SCAIWAVE_PEER_URLS', originsByServer, 'Where a server name answers, `b.example=http://127.0.0.1:8081,…`; otherwise `https://<server name>`.'),
  natsStream: setting('SCAIWAVE_NATS_STREAM', natsName, 'SCAIWAVE', 'Name of the JetStream stream.'),
  natsPrefix: optional('SCAIWAVE_NATS_PREFIX', natsPrefix, 'Put before every subject, so that several nodes can share one server.'),
  logLevel: setting('SCAIWAVE_LOG_LEVEL', oneOf('debug', 'info', 'warn', 'error', 'silent'), 'info', 'Least severe line that is logged.'),

  weaviateUrl: unused('SCAIWAVE_WEAVIATE_URL', serviceUrl, 'Search index.'),
  livekitUrl: unused('SCAIWAVE_LIVEKIT_URL', text, 'Calls.'),
  s3Endpoint: unused('SCAIWAVE_S3_ENDPOINT', serviceUrl, 'Object store.'),
  s3Bucket: unused('SCAIWAVE_S3_BUCKET', text, 'Object store.'),
  otlpEndpoint: unused('OTEL_EXPORTER_OTLP_ENDPOINT', serviceUrl, 'Collector of traces.'),
} as const;

/** Settings that are never shown whole. */
export const SECRET_SETTINGS = {
  dbUrl: optional('SCAIWAVE_DB_URL', connectionUrl('postgres:', 'postgresql:'), 'PostgreSQL, as the application role; otherwise an embedded one is started.'),
  dbOwnerUrl: optional('SCAIWAVE_DB_OWNER_URL', connectionUrl('postgres:', 'postgresql:'), 'PostgreSQL, as a role that may make roles and tables; read by `scaiwave migrate` only.'),
  redisUrl: optional('SCAIWAVE_REDIS_URL', connectionUrl('redis:', 'rediss:'), 'Redis; otherwise a cache inside the process.'),
  natsUrl: optional('SCAIWAVE_NATS_URL', connectionUrl('nats:', 'tls:'), 'NATS with JetStream, several servers with commas; otherwise a room stream inside the process.'),
  masterKey: optional('SCAIWAVE_MASTER_KEY', masterKey, 'Master key itself: 32 bytes as base64 or hex. Instead of the file.'),
  scaikeyWebhookSecret: optional('SCAIWAVE_SCAIKEY_WEBHOOK_SECRET', secretText, 'Checks what ScaiKey sends when an identity changes; without it, nothing it sends is taken.'),
  scaikeyClientSecret: optional('SCAIWAVE_SCAIKEY_CLIENT_SECRET', secretText, 'Secret of `SCAIWAVE_SCAIKEY_CLIENT_ID`.'),
  scaigridApiKey: optional('SCAIWAVE_SCAIGRID_API_KEY', bearerKey, 'Key for ScaiGrid where a tenant has none of its own; it needs `accounting:view_partner`.'),
  s3AccessKey: unused('SCAIWAVE_S3_ACCESS_KEY', secretText, 'Object store.'),
  s3SecretKey: unused('SCAIWAVE_S3_SECRET_KEY', secretText, 'Object store.'),
} as const;

export function allSettings(): readonly Setting<unknown>[] {
  return [...Object.values(SECRET_SETTINGS), ...Object.values(SETTINGS)];
}
