import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium, type Browser } from 'playwright-core';

const script = fileURLToPath(new URL('../../scripts/browser.sh', import.meta.url));

/** Beside Playwright's own: to run as root in a container, and to ask no host for anything but the page's. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
];

/** A headless Chromium, installed first where there is none. Close it. */
export async function launchBrowser(): Promise<Browser> {
  const { stdout } = await promisify(execFile)(script);
  return chromium.launch({ executablePath: stdout.trim(), args: FLAGS });
}
