import type { ProcessState, StoryState } from '../../apps/demo/src/story/story-state.js';
import type { DemoClient } from './demo-client.js';

/** What the page at `/` asks of the demo. */
export class StoryClient {
  constructor(private readonly demo: DemoClient) {}

  /** How things stand: the first event that the page gets. */
  async state(): Promise<StoryState> {
    const response = await fetch(`${this.demo.url}/story/events`);
    let received = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      received += chunk;
      const [, data] = /^data: (.*)\n/m.exec(received) ?? [];
      if (data !== undefined) return JSON.parse(data) as StoryState; // leaving the loop ends the request
    }
    throw new Error(`The events ended with: ${received}`);
  }

  /** The status of the answer. */
  async ask(method: string, path: string, headers: Record<string, string> = {}): Promise<number> {
    return (await fetch(`${this.demo.url}/story/${path}`, { method, headers })).status;
  }

  async running(): Promise<ProcessState[]> {
    return (await this.state()).processes.filter(({ state }) => state === 'running');
  }
}
