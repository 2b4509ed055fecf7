import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { freePort } from './free-port.js';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Answer = (received: Received, response: ServerResponse) => void;

/** An HTTP server that keeps what it is sent, to be stopped and started on the same port. */
export class WebhookServer {
  readonly received: Received[] = [];
  /** Requests that are being answered. */
  open = 0;
  private server: Server | undefined;

  private constructor(
    private readonly answer: Answer,
    private readonly port: number,
  ) {}

  /** Answers with 200 unless told otherwise. */
  static async start(answer: Answer = (_received, response) => response.end()): Promise<WebhookServer> {
    const server = new WebhookServer(answer, await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      this.open += 1;
      response.on('close', () => (this.open -= 1));
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const received = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) };
        this.received.push(received);
        this.answer(received, response);
      });
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.server = server;
  }

  /** Ends all connections in the middle of whatever they say. */
  async stop(): Promise<void> {
    const { server } = this;
    if (!server?.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
}
