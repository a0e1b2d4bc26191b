import { Router } from 'express';
import type { IRoute, Request } from 'express';
import type { CheckedResponse } from './exchange.js';
import type { Method, Route } from './route.js';

export interface RouteHandlers {
  readonly found: (route: Route, request: Request, response: CheckedResponse) => void;
  /** The path exists, the method does not; `allowed` is for the Allow header. */
  readonly wrongMethod: (allowed: string, request: Request, response: CheckedResponse) => void;
}

/** Turns the table into an express router. Paths are matched in the order in which they first appear. */
export function routerOf(routes: readonly Route[], handlers: RouteHandlers): Router {
  const router = Router({ caseSensitive: true, strict: true });
  for (const [path, group] of byPath(routes)) {
    const entry = router.route(expressPath(path, group.flatMap(({ wide = [] }) => wide)));
    for (const route of group) register(entry, route.method, (request, response) => handlers.found(route, request, response));
    const allowed = allowedMethods(group);
    entry.all((request: Request, response: CheckedResponse) => handlers.wrongMethod(allowed, request, response));
  }
  return router;
}

function byPath(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  const groups = new Map<string, Route[]>();
  for (const route of routes) {
    const group = groups.get(route.path) ?? [];
    if (group.some(({ method }) => method === route.method)) throw new Error(`${route.method} ${route.path} is there twice`);
    groups.set(route.path, [...group, route]);
  }
  return groups;
}

function register(entry: IRoute, method: Method, handle: (request: Request, response: CheckedResponse) => void): void {
  switch (method) {
    case 'GET':
      entry.get(handle);
      return;
    case 'POST':
      entry.post(handle);
      return;
    case 'PUT':
      entry.put(handle);
      return;
    case 'PATCH':
      entry.patch(handle);
      return;
    case 'DELETE':
      entry.delete(handle);
  }
}

function allowedMethods(group: readonly Route[]): string {
  const methods = group.map(({ method }) => method as string);
  return (methods.includes('GET') ? [...methods, 'HEAD'] : methods).sort().join(', ');
}

/** `/v1/rooms/{room_id}` as express spells it; a wide parameter takes one segment or more. */
function expressPath(path: string, wide: readonly string[]): string {
  return path.replace(/\{([a-z_]+)\}/g, (_all, name: string) => (wide.includes(name) ? `*${name}` : `:${name}`));
}
