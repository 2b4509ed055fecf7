import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which outgoing connections get their ports. */
const [LOWEST, HIGHEST] = [10_000, 32_000];

/**
 * A port for a server that is stopped and started again. Not one that the system picks: while the server is stopped, an
 * outgoing connection could get that, even one to that very port, which then speaks with itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening'); // rejects when the port is taken
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
