/** A viewer of server-sent events, as a browser is one. Dispose it, or the server keeps the connection. */
export class EventStream implements AsyncDisposable {
  readonly seen: { readonly event: string; readonly data: unknown }[] = [];
  private readonly leaving = new AbortController();
  private ended: Promise<unknown> = Promise.resolve();
  private waiting: (() => void)[] = [];
  private over = false;

  private constructor() {}

  /** Resolves when the server has answered; rejects with its status when that is not 200. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const stream = new EventStream();
    const response = await fetch(url, { headers, signal: stream.leaving.signal });
    if (response.status !== 200 || !response.body) throw new Error(`${url} was answered ${response.status}`);
    stream.ended = stream.read(response.body).catch(() => undefined); // what we end ourselves
    return stream;
  }

  /** The first event from now on, or seen already, that fits. Rejects when the stream ends before. */
  async first<Data>(fits: (event: string, data: Data) => boolean): Promise<Data> {
    for (let at = 0; ; at += 1) {
      while (at >= this.seen.length) {
        if (this.over) throw new Error('The stream has ended.');
        await new Promise<void>((resolve) => this.waiting.push(resolve));
      }
      const { event, data } = this.seen[at]!;
      if (fits(event, data as Data)) return data as Data;
    }
  }

  /** Resolves when the server has ended the stream. */
  async end(): Promise<void> {
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leaving.abort();
    await this.ended;
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(chunk, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) this.take(block);
      }
    } finally {
      this.over = true;
      this.wake();
    }
  }

  private take(block: string): void {
    const { event = '', data = 'null' } = Object.fromEntries(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
    ) as { event?: string; data?: string };
    this.seen.push({ event, data: JSON.parse(data) });
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
