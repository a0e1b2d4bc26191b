import type { Route } from '../../src/http/route.js';

interface Reference {
  readonly $ref?: string;
}

interface Parameter extends Reference {
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean;
}

interface SchemaNode extends Reference {
  readonly type?: string;
  readonly items?: Reference;
  readonly properties?: { readonly data?: SchemaNode; readonly meta?: Reference };
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: SchemaNode }>>;
}

interface Operation {
  readonly summary?: string;
  readonly operationId?: string;
  readonly 'x-scaiwave-who'?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses?: Readonly<Record<string, Content & Reference>>;
}

export interface OpenApi {
  readonly 'x-scaiwave-acting': { readonly prefix: string; readonly replaces: string; readonly operations: string; readonly who: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly parameters: Readonly<Record<string, Parameter>> };
}

const METHODS = ['get', 'post', 'put', 'delete', 'patch', 'head', 'options', 'trace'];
const SECURITY: Readonly<Record<string, string>> = { nobody: '', peer: 'serverSignature', bridge: 'bridgeSignature', scaikey: 'scaikeySignature', sidekick: 'sidekickToken' };
const META: Readonly<Record<string, string>> = { one: 'NoMeta', nothing: 'NoMeta', page: 'PageMeta', cursor: 'CursorMeta' };

/** Where the document and the table of routes say different things; empty when they agree. */
export function openApiFaults(document: OpenApi, routes: readonly Route[]): readonly string[] {
  const told = new Map<string, Operation>(
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method]) => METHODS.includes(method))
        .map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
    ),
  );
  const names = routes.map(({ method, path }) => `${method} ${path}`);
  return [
    ...[...told.keys()].filter((name) => !names.includes(name)).map((name) => `${name}: only in the document`),
    ...routes.flatMap((route) => {
      const name = `${route.method} ${route.path}`;
      const operation = told.get(name);
      if (operation === undefined) return [`${name}: only in the table`];
      return operationFaults(document, operation, route).map((fault) => `${name}: ${fault}`);
    }),
    ...idFaults([...told]),
  ];
}

/** What a generated client calls its methods: one name each. */
function idFaults(told: readonly (readonly [name: string, operation: Operation])[]): readonly string[] {
  const ids = told.map(([, { operationId }]) => operationId ?? '');
  return told.flatMap(([name], at) => {
    const id = ids[at] ?? '';
    if (!/^[a-z][A-Za-z]+$/.test(id)) return [`${name}: operationId is ${id === '' ? 'missing' : id}`];
    return ids.indexOf(id) === at ? [] : [`${name}: operationId ${id} is taken`];
  });
}

/** Where the document's one sentence about acting for a customer says other routes than there are. */
export function actingFaults(document: OpenApi, acting: readonly Route[]): readonly string[] {
  const { prefix, replaces, operations, who } = document['x-scaiwave-acting'];
  const told = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, operation]) => operation['x-scaiwave-who'] === operations)
      .map(([method]) => `${method.toUpperCase()} ${path.startsWith(replaces) ? prefix + path.slice(replaces.length) : path} by ${who}`),
  );
  const meant = acting.map((route) => `${route.method} ${route.path} by ${route.who}`);
  return [...told.filter((one) => !meant.includes(one)).map((one) => `${one}: only told`), ...meant.filter((one) => !told.includes(one)).map((one) => `${one}: not told`)];
}

function operationFaults(document: OpenApi, operation: Operation, route: Route): readonly string[] {
  const parameters = (operation.parameters ?? []).map((parameter) => resolved(document, parameter));
  const named = (place: string): string => sorted(parameters.filter((parameter) => parameter.in === place).map(({ name }) => name ?? ''));
  const pairs: readonly (readonly [what: string, told: unknown, meant: unknown])[] = [
    ['summary', operation.summary, route.summary],
    ['who', operation['x-scaiwave-who'], route.who],
    ['security', Object.keys(operation.security?.[0] ?? {}).join(), SECURITY[route.who] ?? 'bearer'],
    ['path parameters', named('path'), sorted([...route.path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name ?? ''))],
    ['query parameters', named('query'), sorted(route.query)],
    ['body', schemaName(json(operation.requestBody)), route.request ?? undefined],
    ['body required', operation.requestBody?.required, route.request === null && route.takesFile !== true ? undefined : !route.requestOptional],
    ['file', hasFile(operation), route.takesFile ?? false],
    ['reply', replyTold(operation), replyMeant(route)],
    ['refusals', operation.responses?.['default']?.$ref, '#/components/responses/Refusal'],
  ];
  return pairs.filter(([, told, meant]) => told !== meant).map(([what, told, meant]) => `${what} is ${String(told)}, not ${String(meant)}`);
}

function replyTold(operation: Operation): string {
  const { responses = {} } = operation;
  if (responses['101'] !== undefined) return 'stream';
  const text = responses['200']?.content?.['text/plain'];
  if (text !== undefined) return 'text';
  if (responses['200']?.$ref === '#/components/responses/File') return 'file';
  const lines = responses['200']?.content?.['application/x-ndjson']?.schema;
  if (lines !== undefined) return `lines of ${schemaName(lines)}`;
  const schema = json(responses['200']);
  const data = schema?.properties?.data;
  if (data === undefined) return `bare ${schemaName(schema)}`;
  const shape = data.type === 'array' ? `list of ${schemaName(data.items)}` : (schemaName(data) ?? data.type);
  return `${shape} with ${schema?.properties?.meta?.$ref?.split('/').at(-1)}`;
}

function replyMeant({ responseKind, response }: Route): string {
  if (responseKind === 'stream' || responseKind === 'text' || responseKind === 'file') return responseKind;
  if (responseKind === 'lines') return `lines of ${response}`;
  if (responseKind === 'document' || responseKind === 'answer') return `bare ${response}`;
  const shape = responseKind === 'page' || responseKind === 'cursor' ? `list of ${response}` : (response ?? 'null');
  return `${shape} with ${META[responseKind]}`;
}

/** As a form, or as the body itself, whatever its type. */
function hasFile({ requestBody }: Operation): boolean {
  return requestBody?.content?.['multipart/form-data'] !== undefined && requestBody.content['*/*'] !== undefined;
}

function json(holder: Content | undefined): SchemaNode | undefined {
  return holder?.content?.['application/json']?.schema;
}

function schemaName(reference: Reference | undefined): string | undefined {
  return reference?.$ref?.replace(/^schemas\/|\.json$/g, '');
}

function resolved(document: OpenApi, parameter: Parameter): Parameter {
  const name = parameter.$ref?.split('/').at(-1);
  return name === undefined ? parameter : (document.components.parameters[name] ?? parameter);
}

function sorted(names: readonly string[]): string {
  return [...names].sort().join();
}
