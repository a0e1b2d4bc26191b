/** What a connection to NATS needs, taken apart from `nats://user:password@host:4222,…`. */
export interface NatsServers {
  readonly servers: string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

/** Credentials and TLS are those of the first server; all belong to one cluster. */
export function natsServers(urls: string): NatsServers {
  const [first, ...others] = urls.split(',').map((url) => new URL(url.trim()));
  if (first === undefined) throw new Error('no NATS server is named');
  return {
    servers: [first, ...others].map(({ host }) => host),
    user: first.username === '' ? undefined : decodeURIComponent(first.username),
    password: first.password === '' ? undefined : decodeURIComponent(first.password),
    tls: first.protocol === 'tls:',
  };
}
