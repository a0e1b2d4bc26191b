import { inspect } from 'node:util';
import { expect } from 'chai';
import { ConfigError, loadConfig, type Config } from '../../../src/config/config.js';
import { readEnvironment, type Environment } from '../../../src/config/env.js';
import { Secret } from '../../../src/config/secret.js';
import { showConfig } from '../../../src/config/show-config.js';

function faultsOf(environment: Environment): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const SCAIKEY = {
  SCAIWAVE_AUTH_MODE: 'scaikey',
  SCAIWAVE_SCAIKEY_URL: 'https://id.example',
  SCAIWAVE_SCAIKEY_AUDIENCE: 'scaiwave',
};

describe('configuration', () => {
  it('starts from nothing: loopback, mock, every role, embedded parts', () => {
    const config = loadConfig({});
    expect(config).to.include({ host: '127.0.0.1', port: 8080, authMode: 'mock', serverName: 'localhost', publicUrl: undefined });
    expect(config.roles).to.deep.equal(['api', 'worker', 'scheduler']);
    expect(config.secrets.dbUrl).to.equal(undefined);
    expect(config.dataDir).to.equal(`${process.cwd()}/data`);
  });

  it('reports every fault at once, contradictions included', () => {
    const faults = faultsOf({
      SCAIWAVE_PORT: '80a',
      SCAIWAVE_HOST: '0.0.0.0',
      SCAIWAVE_DB_URL: 'mysql://db',
      SCAIWAVE_LOGLEVEL: 'info',
    });
    expect(faults).to.have.length(4);
    expect(faults.join('\n')).to.contain('SCAIWAVE_PORT must be a whole number from 0 to 65535');
    expect(faults.join('\n')).to.contain('SCAIWAVE_DB_URL must be a URL that starts with postgres:// or postgresql://');
    expect(faults.join('\n')).to.contain('bind SCAIWAVE_HOST to loopback');
    expect(faults.join('\n')).to.contain('SCAIWAVE_LOGLEVEL is not a setting; did you mean SCAIWAVE_LOG_LEVEL?');
  });

  it('does not judge a contradiction while one side of it is at fault by itself', () => {
    expect(faultsOf({ SCAIWAVE_AUTH_MODE: 'moc', SCAIWAVE_HOST: '0.0.0.0' })).to.deep.equal([
      'SCAIWAVE_AUTH_MODE must be one of mock, scaikey, hybrid',
    ]);
  });

  for (const [typo, meant] of [
    ['SCAIWAVE_DBURL', 'SCAIWAVE_DB_URL'],
    ['SCAIWAVE_PROT', 'SCAIWAVE_PORT'],
    ['scaiwave_port', 'SCAIWAVE_PORT'],
    ['SCAI_WAVE_PORT', 'SCAIWAVE_PORT'],
    ['SCAIWAVE_SERVERNAME', 'SCAIWAVE_SERVER_NAME'],
  ] as const) {
    it(`names ${meant} when ${typo} was set`, () => {
      expect(faultsOf(readEnvironment({ [typo]: 'x' }))).to.deep.equal([`${typo} is not a setting; did you mean ${meant}?`]);
    });
  }

  it('suggests nothing for a name that resembles none', () => {
    expect(faultsOf({ SCAIWAVE_SOMETHING_ELSE_ENTIRELY: 'x' })).to.deep.equal(['SCAIWAVE_SOMETHING_ELSE_ENTIRELY is not a setting']);
  });

  it('refuses a setting that is set to nothing', () => {
    expect(faultsOf({ SCAIWAVE_MASTER_KEY: '' })).to.deep.equal(['SCAIWAVE_MASTER_KEY is set to nothing; give it a value or unset it']);
  });

  it('accepts documented settings that have no effect here', () => {
    const names = ['WEAVIATE_URL', 'LIVEKIT_URL', 'S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY', 'S3_SECRET_KEY'];
    expect(faultsOf(Object.fromEntries(names.map((name) => [`SCAIWAVE_${name}`, 'https://service.example'])))).to.deep.equal([]);
  });

  it('leaves SCAIWAVE_TEST_ names and the rest of the environment alone', () => {
    expect(readEnvironment({ SCAIWAVE_TEST_DB_URL: 'x', PATH: '/bin', SCAIWAVE_PORT: '1' })).to.deep.equal({ SCAIWAVE_PORT: '1' });
  });

  describe('bad values', () => {
    const cases: readonly (readonly [name: string, value: string])[] = [
      ['SERVER_NAME', 'Chat.example'],
      ['SERVER_NAME', 'chat.example:8448'],
      ['SERVER_NAME', '127.0.0.1'],
      ['HOST', 'example.org'],
      ['HOST', '127.1'],
      ['PORT', '65536'],
      ['PORT', '-1'],
      ['PORT', '8080.5'],
      ['PORT', ' 80'],
      ['PUBLIC_URL', 'chat.example'],
      ['PUBLIC_URL', 'https://chat.example/path'],
      ['PUBLIC_URL', 'ftp://chat.example'],
      ['ROLES', 'api,api'],
      ['ROLES', 'api,'],
      ['ROLES', 'apis'],
      ['EGRESS_ALLOW', '10.0.0.0/33'],
      ['EGRESS_ALLOW', 'internal.example'],
      ['PEER_URLS', 'b.example'],
      ['PEER_URLS', 'b.example=127.0.0.1:8081'],
      ['PEER_URLS', 'b=http://127.0.0.1:1,b=http://127.0.0.1:2'],
      ['NATS_URL', 'http://127.0.0.1:4222'],
      ['NATS_PREFIX', 'a..b'],
      ['NATS_STREAM', 'a.b'],
      ['REDIS_URL', 'redis'],
      ['MASTER_KEY', 'too-short'],
      ['MASTER_KEY', 'z'.repeat(43) + '!'],
      ['LOG_LEVEL', 'verbose'],
      ['SCAIKEY_URL', 'https://user:secret@id.example'],
      ['SCAIGRID_URL', 'https://user:secret@grid.example'],
      ['SCAIGRID_URL', 'http://grid.example'],
      ['SCAIGRID_API_KEY', 'with space in it'],
      ['SCAIGRID_QUEUE', 'scope'],
      ['SCAIGRID_QUEUE', '../queue'],
    ];
    for (const [name, value] of cases) {
      it(`refuses SCAIWAVE_${name}=${value}`, () => {
        const faults = faultsOf({ [`SCAIWAVE_${name}`]: value });
        expect(faults).to.have.length(1);
        expect(faults[0]).to.match(new RegExp(`^SCAIWAVE_${name} `));
      });
    }
  });

  it('refuses what ScaiGrid is told with nothing to tell it by', () => {
    const url = { SCAIWAVE_SCAIGRID_URL: 'https://grid.example' };
    const key = { SCAIWAVE_SCAIGRID_API_KEY: 'sgk_operator' };
    const queue = { SCAIWAVE_SCAIGRID_QUEUE: 'scope-1/queue-1' };
    expect(faultsOf({ ...url, ...key, ...queue })).to.deep.equal([]);
    expect(faultsOf(url)).to.deep.equal([]);
    expect(faultsOf(key)).to.deep.equal(['SCAIWAVE_SCAIGRID_API_KEY needs SCAIWAVE_SCAIGRID_URL']);
    expect(faultsOf({ ...url, ...queue })).to.deep.equal(['SCAIWAVE_SCAIGRID_QUEUE needs SCAIWAVE_SCAIGRID_API_KEY']);
  });

  describe('auth modes', () => {
    for (const mode of ['mock', 'hybrid']) {
      for (const host of ['0.0.0.0', '::', '192.0.2.7']) {
        it(`refuses ${mode} on ${host}`, () => {
          expect(faultsOf({ ...SCAIKEY, SCAIWAVE_AUTH_MODE: mode, SCAIWAVE_HOST: host }).join()).to.contain('loopback');
        });
      }
      for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1']) {
        it(`takes ${mode} on ${host}`, () => {
          expect(faultsOf({ ...SCAIKEY, SCAIWAVE_AUTH_MODE: mode, SCAIWAVE_HOST: host })).to.deep.equal([]);
        });
      }
    }

    it('takes scaikey on any address', () => {
      expect(faultsOf({ ...SCAIKEY, SCAIWAVE_HOST: '0.0.0.0' })).to.deep.equal([]);
    });

    it('refuses scaikey without an issuer or an audience', () => {
      expect(faultsOf({ SCAIWAVE_AUTH_MODE: 'scaikey' })).to.have.length(2);
    });

    it('refuses an issuer over plain http unless it is on loopback', () => {
      expect(faultsOf({ ...SCAIKEY, SCAIWAVE_SCAIKEY_URL: 'http://id.example' }).join()).to.contain('must be https');
      expect(faultsOf({ ...SCAIKEY, SCAIWAVE_SCAIKEY_URL: 'http://127.0.0.1:9000' })).to.deep.equal([]);
    });
  });

  it('refuses two master keys', () => {
    const faults = faultsOf({ SCAIWAVE_MASTER_KEY: 'a'.repeat(64), SCAIWAVE_MASTER_KEY_FILE: '/keys/master' });
    expect(faults.join()).to.contain('not both');
  });

  it('takes a master key of 32 bytes as hex, base64 or base64url', () => {
    const bytes = Buffer.alloc(32, 251);
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      expect(faultsOf({ SCAIWAVE_MASTER_KEY: bytes.toString(encoding) })).to.deep.equal([]);
    }
  });

  it('is frozen all the way down', () => {
    const config = loadConfig({ SCAIWAVE_PEER_URLS: 'b=http://127.0.0.1:8081' });
    for (const part of [config, config.roles, config.peerUrls, config.secrets]) expect(part).to.be.frozen;
  });

  it('maps server names to origins', () => {
    const { peerUrls } = loadConfig({ SCAIWAVE_PEER_URLS: 'b.example=http://127.0.0.1:8081/, c=https://c.internal' });
    expect(peerUrls).to.deep.equal({ 'b.example': 'http://127.0.0.1:8081', c: 'https://c.internal' });
  });
});

describe('secrets in the configuration', () => {
  const canary = 'canary-4f1c';
  const config: Config = loadConfig({
    SCAIWAVE_DB_URL: `postgres://app:${canary}@db.internal:5432/wave?sslpassword=${canary}`,
    SCAIWAVE_REDIS_URL: `redis://:${canary}@cache.internal`,
    SCAIWAVE_NATS_URL: `nats://${canary}@nats-1.internal:4222,nats://u:${canary}@nats-2.internal:4222`,
    SCAIWAVE_SCAIKEY_WEBHOOK_SECRET: canary,
    SCAIWAVE_S3_SECRET_KEY: canary,
  });

  it('never print, however the value is printed', () => {
    for (const printed of [showConfig(config), JSON.stringify(config), inspect(config, { depth: 9, showHidden: true }), String(config.secrets.dbUrl)]) {
      expect(printed).not.to.contain(canary);
    }
  });

  it('are handed over when asked for', () => {
    expect(config.secrets.scaikeyWebhookSecret?.reveal()).to.equal(canary);
    expect(new Secret('x').reveal()).to.equal('x');
  });

  it('are not echoed when they are refused', () => {
    expect(faultsOf({ SCAIWAVE_MASTER_KEY: canary, SCAIWAVE_DB_URL: `http://${canary}` }).join()).not.to.contain(canary);
  });

  it('leave enough to recognise a service by', () => {
    expect(showConfig(config)).to.contain('SCAIWAVE_DB_URL=postgres://app:[redacted]@db.internal:5432/wave\n');
    expect(showConfig(config)).to.contain('SCAIWAVE_PORT=8080\n');
    expect(showConfig(config)).to.contain('# SCAIWAVE_MASTER_KEY is not set');
  });
});
