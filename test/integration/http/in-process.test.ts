import { expect } from 'chai';
import { makeGate } from '../../../src/http/gate.js';
import { answerInProcess } from '../../../src/http/in-process.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { parseServerName } from '../../../src/kernel/ids.js';
import type { RawReply, SignedRequest } from '../../../src/kernel/ports.js';
import { parseStrictJson } from '../../../src/protocol/strict-json.js';
import { echoRoutes } from '../../support/echo-routes.js';
import { contract } from '../../support/fixtures.js';
import { noCustomers, roleTokens, startHttpNode } from '../../support/http-node.js';
import { processRates } from '../../support/process-rates.js';
import { rawExchange } from '../../support/raw-http.js';
import { silentLog } from '../../support/silent-ports.js';

describe('an exchange inside the process', () => {
  const gate = makeGate({ authenticator: roleTokens, acting: noCustomers, rates: processRates(), parseJson: parseStrictJson, contract, checkReplies: true });

  function ask(change: Partial<SignedRequest> = {}): Promise<RawReply> {
    const request: SignedRequest = {
      destination: parseServerName('b.example'),
      method: 'POST',
      target: '/peer/a%2eb?x=%31',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{ "event": 1 }'),
      ...change,
    };
    return answerInProcess({ routes: echoRoutes(), gate, log: silentLog, newRequestId: () => 'one' }, request);
  }

  it('answers what a socket would', async () => {
    const node = await startHttpNode({ routes: echoRoutes() });
    const lines = ['POST /peer/a%2eb?x=%31 HTTP/1.1', 'Host: b.example', 'Content-Type: application/json', 'Content-Length: 14', '', '{ "event": 1 }'];
    const overSocket = await rawExchange(node.port, lines.join('\r\n'));
    const inside = await ask();
    await node.stop();
    expect([inside.status, inside.body.toString()]).to.deep.equal([overSocket.status, overSocket.body]);
  });

  const refused: readonly (readonly [title: string, change: Partial<SignedRequest>, status: number, code: string])[] = [
    ['a server that is not welcome', { headers: { 'x-scaiwave-origin': 'denied.example' } }, 403, 'SW_FED_PEER_DENIED'],
    ['another type', { headers: { 'content-type': 'text/plain' } }, 415, 'SW_UNSUPPORTED_MEDIA_TYPE'],
    ['a body beyond the bound', { body: Buffer.alloc(LIMITS.federationBytesMax + 1) }, 413, 'SW_BODY_TOO_LARGE'],
    ['another path', { target: '/nowhere' }, 404, 'SW_NOT_FOUND'],
    ['another method', { method: 'GET' }, 404, 'SW_NOT_FOUND'],
    ['a call that is not for servers', { target: '/bridge' }, 404, 'SW_NOT_FOUND'],
    ['a call that anybody may make over a socket', { target: '/text', method: 'GET' }, 404, 'SW_NOT_FOUND'],
  ];
  for (const [title, change, status, code] of refused) {
    it(`refuses ${title} with ${code}`, async () => {
      const reply = await ask(change);
      expect(reply.status).to.equal(status);
      expect(JSON.parse(reply.body.toString())).to.have.nested.property('error.code', code);
    });
  }
});
