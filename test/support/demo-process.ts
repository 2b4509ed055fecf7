import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { DemoClient } from './demo-client.js';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The demo as a process of its own, which can be killed. It relays by itself unless the settings say otherwise. */
export class DemoProcess extends DemoClient {
  private constructor(
    url: string,
    private readonly child: ChildProcess,
    private readonly ended: Promise<Ended>,
  ) {
    super(url);
  }

  /** Resolves when it listens, on a free port; rejects with what it printed when it ends before. */
  static async start(main: string, databaseUrl: string, settings: Record<string, string> = {}): Promise<DemoProcess> {
    const env = { ...process.env, PORT: '0', DATABASE_URL: databaseUrl, NO_COLOR: '1', WORKERS: '0', ...settings };
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const killIt = () => child.kill('SIGKILL');
    process.once('exit', killIt);
    const ended = (once(child, 'exit') as Promise<[Ended['code'], Ended['signal']]>).then(([code, signal]) => {
      process.off('exit', killIt);
      return { code, signal };
    });
    let printed = '';
    const url = await new Promise<string>((resolve, reject) => {
      const read = (text: Buffer): void => {
        printed += text.toString();
        const [, found] = /Listening on (http:\S+?),/.exec(printed) ?? [];
        if (found) resolve(found);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      void ended.then(({ code, signal }) => reject(new Error(`It ended with ${code ?? signal}:\n${printed}`)));
    });
    return new DemoProcess(url, child, ended);
  }

  /** Resolves when the process has ended, also when it had before. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}
