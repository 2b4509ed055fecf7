import type { ServerResponse } from 'node:http';
import { setHeaders } from './exchange.js';

/** A viewer that has taken nothing for so many events is gone, whatever its connection says. */
const MOST_SKIPPED = 60;

/** The open streams of server-sent events. A viewer that reads slowly misses events; nothing is kept for it. */
export class EventStreams {
  private readonly open = new Set<ServerResponse>();
  private closed = false;

  /** Gives what sends an event. Undefined: the app is closing. */
  begin(response: ServerResponse): ((event: string, data: string) => void) | undefined {
    if (this.closed) return undefined;
    this.open.add(response);
    response.once('close', () => this.open.delete(response));
    // no-transform: a compressing middleware would keep events back until it has enough of them, and so would nginx.
    setHeaders(response, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no',
    });
    response.flushHeaders();
    let skipped = 0;
    return (event, data) => {
      if (response.writableNeedDrain) {
        skipped += 1;
        if (skipped > MOST_SKIPPED) response.destroy();
        return;
      }
      skipped = 0;
      response.write(`event: ${event}\ndata: ${data}\n\n`);
    };
  }

  /** Ends all of them, so that the server can close. */
  close(): void {
    this.closed = true;
    for (const response of this.open) {
      if (response.writableNeedDrain)
        response.destroy(); // it would wait for somebody who does not read
      else response.end();
    }
  }
}
