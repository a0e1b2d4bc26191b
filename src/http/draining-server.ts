import { Server } from 'node:http';

/**
 * An HTTP server whose `close` stops listening and no more. Node's own also closes idle connections at that moment,
 * and with them the requests that busy clients have just put on their way.
 */
export class DrainingServer extends Server {
  private draining = true;

  endDrain(): void {
    this.draining = false;
  }

  override closeIdleConnections(): void {
    if (!this.draining) super.closeIdleConnections();
  }
}
