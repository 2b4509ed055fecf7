import { chromium, type Browser } from 'playwright-core';
import { pathOf } from './program.js';

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
  return chromium.launch({ executablePath: await pathOf('chromium'), args: FLAGS });
}
