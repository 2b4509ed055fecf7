import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DashboardSetupError } from '../dashboard.errors.js';

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
};

/**
 * The page and what it loads, read once and kept: the package's own files, and uPlot's from where npm has put it. They are
 * served under a name made from their content, so that a browser keeps them until there is another release.
 */
export class PageAssets {
  readonly build: string;
  private readonly assets: ReadonlyMap<string, Asset>;
  private readonly page: string;

  constructor() {
    const files = readFiles();
    const hash = createHash('sha256');
    for (const [name, body] of files) hash.update(`${name} ${body.length}\n`).update(body);
    this.build = hash.digest('hex').slice(0, 16);
    this.page = files.get('index.html')?.toString() ?? '';
    this.assets = new Map(
      [...files].flatMap(([name, body]) => {
        const type = TYPES[extname(name)];
        return type === undefined ? [] : [[name, { type, body, gzipped: gzipSync(body) }] as const];
      }),
    );
  }

  get(name: string): Asset | undefined {
    return this.assets.get(name);
  }

  /**
   * `base` is where the dashboard is, as seen from the page, with a slash at its end. Relative: neither a global prefix nor a
   * proxy that takes one away is to be known.
   */
  html(base: string): string {
    const escaped = base.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
    return this.page.replaceAll('{{base}}', escaped).replaceAll('{{build}}', this.build);
  }
}

function readFiles(): Map<string, Buffer> {
  const require = createRequire(import.meta.url);
  try {
    const page = join(dirname(require.resolve('nestjs-turnpike/package.json')), 'libs/dashboard/page');
    const uplot = dirname(require.resolve('uplot'));
    const own = readdirSync(page).toSorted();
    return new Map([
      ...own.map((name) => [name, readFileSync(join(page, name))] as const),
      ['uPlot.esm.js', readFileSync(join(uplot, 'uPlot.esm.js'))] as const,
      ['uPlot.min.css', readFileSync(join(uplot, 'uPlot.min.css'))] as const,
    ]);
  } catch (error) {
    throw new DashboardSetupError(
      `The dashboard's page is not where it was installed. Leave nestjs-turnpike and uplot out of your bundle. ${String(error)}`,
      { cause: error },
    );
  }
}
