import { expect } from 'chai';
import { natsServers } from '../../../src/streams/nats-servers.js';

describe('nats servers', () => {
  it('takes hosts, credentials and TLS out of the setting', () => {
    expect(natsServers('tls://node:p%40ss@a.test:4222, tls://b.test:4223')).to.deep.equal({
      servers: ['a.test:4222', 'b.test:4223'],
      user: 'node',
      password: 'p@ss',
      tls: true,
    });
  });

  it('needs no credentials', () => {
    expect(natsServers('nats://127.0.0.1:4222')).to.deep.equal({ servers: ['127.0.0.1:4222'], user: undefined, password: undefined, tls: false });
  });
});
