import { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';

interface Shapes {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: typeof ServerResponse;
}

/**
 * Request and response classes whose instances already have the prototypes that express gives to each request. Without
 * them express changes two prototypes per request, which undoes V8's inline caches and costs three quarters of the
 * speed. Answers are the same either way; a test compares them.
 */
export function preshaped(app: Express): Shapes {
  class ShapedRequest extends IncomingMessage {}
  class ShapedResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {}
  adopt(app, 'request', ShapedRequest.prototype);
  adopt(app, 'response', ShapedResponse.prototype);
  return { IncomingMessage: ShapedRequest, ServerResponse: ShapedResponse };
}

/** Puts `prototype` in front of what express would have set, and tells express to set `prototype`: then it changes nothing. */
function adopt(app: Express, name: 'request' | 'response', prototype: object): void {
  Object.setPrototypeOf(prototype, app[name]);
  Object.defineProperty(app, name, { value: prototype, writable: true, enumerable: true, configurable: true });
}
