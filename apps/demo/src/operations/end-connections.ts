import type { Server } from 'node:http';

/**
 * Ends each kept-alive connection with the response that is under way when the server closes. By itself Node ends only
 * those that are idle at that moment, goes on to serve the busy ones, and a client that keeps asking keeps the process.
 */
export function endConnectionsOnClose(server: Server): void {
  server.on('request', (_request, response) => {
    response.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
  });
}
