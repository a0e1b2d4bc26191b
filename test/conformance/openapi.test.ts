import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadContract } from '../../src/contract/contract.js';
import type { Route } from '../../src/http/route.js';
import { actingRoutes } from '../../src/http/routes/acting.js';
import { routeTable } from '../../src/http/routes/table.js';
import { actingFaults, openApiFaults } from '../support/openapi-faults.js';
import type { OpenApi } from '../support/openapi-faults.js';
import { validityFaults } from '../support/openapi-validity.js';
import { silentApis } from '../support/silent-apis.js';

describe('specs/openapi.json', () => {
  const text = readFileSync('specs/openapi.json', 'utf8');
  const document = JSON.parse(text) as OpenApi;
  const routes = routeTable(silentApis());

  it('says of every route what the table says, and of no other', () => {
    expect(openApiFaults(document, routes)).to.deep.equal([]);
  });

  it('says once where the calls of a tenant admin are for the admin of its partner', () => {
    expect(actingFaults(document, actingRoutes(routes))).to.deep.equal([]);
    expect(actingFaults(document, actingRoutes(routes).slice(1))).to.have.length(1);
    expect(actingFaults(document, actingRoutes(routes).map((route) => ({ ...route, who: 'member' as const })))).not.to.deep.equal([]);
  });

  it('is a document of OpenAPI 3.1, whose references lead somewhere and whose schemas are JSON Schemas', async () => {
    expect(document).to.have.property('openapi').that.matches(/^3\.1\./);
    expect(await validityFaults(document, 'specs/schemas')).to.deep.equal([]);
  });

  for (const [title, from, to, fault] of [
    ['a member that OpenAPI does not know', '"summary"', '"sumary"', /\/paths\/.*unevaluated properties/],
    ['a parameter in no place', '"in": "query"', '"in": "body"', /\/in: /],
    ['a reference to no component', '#/components/parameters/bridge_id', '#/components/parameters/bridge', /Can't resolve #\/components\/parameters\/bridge/],
    ['a reference to no schema', 'schemas/api/bridge.json', 'schemas/api/bridges.json', /Can't resolve schemas\/api\/bridges.json/],
    ['a type that JSON Schema does not know', '"type": "integer"', '"type": "int"', /no JSON Schema: /],
    ['a version before', '"openapi": "3.1.0"', '"openapi": "1.2"', /supported/],
  ] as const) {
    it(`is none with ${title}`, async () => {
      const faults = await validityFaults(JSON.parse(text.replace(from, to)) as object, 'specs/schemas');
      expect(faults.join('\n')).to.match(fault);
    });
  }

  it('names only schemas that exist', () => {
    const contract = loadContract('specs');
    const named = [...text.matchAll(/"schemas\/([\w/.-]+?)\.json(?:#[^"]*)?"/g)].map(([, id]) => id ?? '');
    expect(named.length).to.be.greaterThan(50);
    expect(named.filter((id) => !contract.has(id))).to.deep.equal([]);
  });

  it('has a schema for every body and reply of the table', () => {
    const contract = loadContract('specs');
    const named = routes.flatMap(({ request, response }) => [request, response]).filter((id) => id !== null);
    expect(named.filter((id) => !contract.has(id))).to.deep.equal([]);
  });

  describe('planted differences', () => {
    const [first, ...others] = routes;
    const changed = (change: Partial<Route>): readonly Route[] => routes.map((route) => (route.path === '/v1/sync' ? { ...route, ...change } : route));

    const plants: readonly (readonly [title: string, table: readonly Route[], fault: RegExp])[] = [
      ['a route missing in the table', others, /^POST \/_scaiwave\/federation\/v1\/send: only in the document$/],
      ['a route missing in the document', [...routes, ...(first === undefined ? [] : [{ ...first, path: '/v1/planted' }])], /^POST \/v1\/planted: only in the table$/],
      ['another caller', changed({ who: 'tenant_admin' }), /who is member, not tenant_admin/],
      ['another query parameter', changed({ query: ['since', 'limit'] }), /query parameters/],
      ['a body', changed({ request: 'api/reason' }), /body is undefined, not api\/reason/],
      ['another reply', changed({ response: 'api/room' }), /reply is api\/sync with NoMeta, not api\/room with NoMeta/],
      ['a file', changed({ takesFile: true }), /file is false, not true/],
      ['another kind of reply', changed({ responseKind: 'page' }), /reply/],
    ];
    for (const [title, table, fault] of plants) {
      it(`is red for ${title}`, () => {
        expect(openApiFaults(document, table).join('\n')).to.match(fault);
      });
    }

    for (const [title, from, to, fault] of [
      ['a call without a name', '"operationId": "sync"', '"x-id": "sync"', /^GET \/v1\/sync: operationId is missing$/],
      ['a name that no language takes', '"operationId": "sync"', '"operationId": "sync.sync"', /^GET \/v1\/sync: operationId is sync.sync$/],
      ['two calls of one name', '"operationId": "sync"', '"operationId": "roomsCreate"', /: operationId roomsCreate is taken$/],
    ] as const) {
      it(`is red for ${title}`, () => {
        expect(text).to.include(from);
        expect(openApiFaults(JSON.parse(text.replace(from, to)) as OpenApi, routes).join('\n')).to.match(fault);
      });
    }
  });
});
