import type { NestExpressApplication } from '@nestjs/platform-express';
import { outboxMigrations } from 'nestjs-turnpike/outbox';
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Collector } from '../simulation/outbox/collector.js';
import { connectionsTo, Crowd } from '../simulation/outbox/crowd.js';
import { buildScripts, type Scripts } from '../simulation/outbox/scripts.js';
import { launchBrowser } from '../support/browser.js';
import {
  backgrounds,
  contrast,
  focusedName,
  notedAtMs,
  noteWhenShown,
  ratesShown,
  tooWideBy,
} from '../support/dashboard-page-scripts.js';
import { Courier, startShop } from '../support/dashboard-shop.js';
import { testDatabases, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

/** Kept for people to look at. */
const SCREENSHOTS = join(import.meta.dirname, '../../dist/screenshots/dashboard');
const SCRIPT = '<script>document.title = "taken over"</script><img src="x" onerror="document.title = \'taken over\'">';

let browser: Browser;
let scripts: Scripts;

beforeAll(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  [browser, scripts] = await Promise.all([launchBrowser(), buildScripts()]);
});
afterAll(async () => {
  await browser.close();
  await scripts.remove();
});

// Its routes and what they show are tested on every database, beside the code.
describe.each(testDatabases().filter(([name]) => name === 'postgres'))(
  'The dashboard in Chromium, on %s',
  (_name, open) => {
    let database: TestDatabase;
    let courier: Courier;
    let app: NestExpressApplication;
    let complaints: string[];
    let hosts: Set<string>;

    beforeEach(async () => {
      database = await open({ migrations: [...outboxMigrations] });
      courier = new Courier();
      app = await startShop(database.url, courier);
      complaints = [];
      hosts = new Set();
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
      await app.close();
      await database.close();
    });

    async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => hosts.add(new URL(request.url()).host));
      await page.goto(`${await app.getUrl()}${path}`);
      return page;
    }
    async function dashboard(options?: BrowserContextOptions): Promise<Page> {
      const page = await visit('/turnpike', options);
      await page.locator('#status[data-state="live"]').waitFor();
      return page;
    }
    const place = async (shop: Page, customer: string, note: string): Promise<void> => {
      await shop.fill('#customer', customer);
      await shop.fill('#note', note);
      const placed = Number(await shop.textContent('#placed'));
      await shop.click('button');
      await shop
        .locator('#placed')
        .filter({ hasText: String(placed + 1) })
        .waitFor();
    };
    const tile = (page: Page, name: string) => page.locator(`[data-value="${name}"]`);
    const row = (page: Page, table: string, text: string) =>
      page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text });

    it('shows orders that are placed by clicking as they arrive, without a complaint, and asks no other host', async () => {
      const page = await dashboard();
      const shop = await visit('/shop');
      // Rates come and go: seen by the page itself.
      const moved = page.waitForFunction(ratesShown);
      for (let n = 1; n <= 5; n += 1) await place(shop, 'ann', `order ${n}`);
      await moved;
      await eventually(() => expect(courier.delivered).toHaveLength(5));
      expect(await page.locator('.plot canvas').count()).toBe(4);
      expect(await page.getByRole('img', { name: /^Messages per second: published / }).count()).toBe(1);
      expect(complaints).toEqual([]);
      expect([...hosts]).toEqual([new URL(await app.getUrl()).host]);
    });

    it('shows a held key within a second of its failure, and that it is held no more', async () => {
      const page = await dashboard();
      const shop = await visit('/shop');
      await tile(page, 'held').filter({ hasText: /^0$/ }).waitFor();
      courier.failing.add('bob');
      await page.evaluate(noteWhenShown, { selector: '#held-keys tbody', text: 'bob' });
      await place(shop, 'bob', 'first');
      await row(page, 'Held keys', 'bob').waitFor();
      expect((await page.evaluate(notedAtMs))! - courier.failedAtMs!).toBeLessThan(1000);
      expect(await row(page, 'Held keys', 'bob').textContent()).toMatch(/default.*retry.*bob is not at home/);
      await tile(page, 'held').filter({ hasText: /^1$/ }).waitFor();

      await place(shop, 'bob', 'second');
      await place(shop, 'ann', 'other');
      await eventually(() => expect(courier.delivered).toEqual(['other']));
      courier.failing.clear();
      await row(page, 'Held keys', 'bob').waitFor({ state: 'detached' });
      await eventually(() => expect(courier.delivered).toEqual(['other', 'first', 'second']));
      expect(complaints).toEqual([]);
    });

    it('has a key released by hand, after asking', async () => {
      const page = await dashboard();
      const shop = await visit('/shop');
      courier.failing.add('bob');
      await place(shop, 'bob', 'first');
      const held = row(page, 'Held keys', 'bob');
      await held.getByRole('button', { name: 'Release bob' }).click();
      await page.getByRole('dialog', { name: 'Release bob?' }).getByRole('button', { name: 'Cancel' }).click();
      expect(await held.count()).toBe(1);
      courier.failing.clear();
      courier.failing.add('nobody');
      courier.refused.add('bob'); // so that its first message cannot arrive meanwhile
      await held.getByRole('button', { name: 'Release bob' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
      await page
        .getByRole('status')
        .filter({ hasText: /bob goes on|bob is not held/ })
        .waitFor();
      await row(page, 'Dead letters', 'bob').waitFor();
      expect(complaints).toEqual([]);
    });

    it('shows a dead letter as text whatever it says, and has it sent again', async () => {
      const page = await dashboard();
      const shop = await visit('/shop');
      courier.refused.add('cat');
      await place(shop, 'cat', SCRIPT);
      await place(shop, 'cat', 'behind');
      const letter = row(page, 'Dead letters', 'order.placed').first();
      await letter.waitFor();
      await letter.getByRole('button', { name: /^Details of order.placed/ }).click();
      await page.locator('.letter pre').waitFor();
      expect(JSON.parse((await page.locator('.letter pre').textContent()) ?? '')).toEqual({
        customer: 'cat',
        note: SCRIPT,
      });
      expect(await page.locator('.history').textContent()).toContain('cat <b>refused</b> it');
      expect(await page.locator('main img, main script, main b:not(.legend b)').count()).toBe(0);
      expect(await page.title()).toBe('Turnpike');
      expect(await row(page, 'Held keys', 'cat').textContent()).toContain('its dead letter');

      courier.refused.clear();
      await letter.getByRole('checkbox').check();
      await page.getByRole('group', { name: 'Selected dead letters' }).getByRole('button', { name: 'Requeue' }).click();
      await eventually(() => expect(courier.delivered).toEqual([SCRIPT, 'behind']));
      await page.getByText('There is none.').waitFor();
      await row(page, 'Held keys', 'cat').waitFor({ state: 'detached' });
      expect(complaints).toEqual([]);
    });

    it('is worked by keyboard alone: a dead letter is read, and purged after asking', async () => {
      const page = await dashboard();
      const shop = await visit('/shop');
      courier.refused.add('dan');
      await place(shop, 'dan', 'bad');
      await place(shop, 'dan', 'behind');
      await row(page, 'Dead letters', 'dan').waitFor();
      const focusOn = async (name: RegExp, key = 'Tab'): Promise<void> => {
        for (let n = 0; n < 60; n += 1) {
          await page.keyboard.press(key);
          const label = await page.evaluate(focusedName);
          if (name.test(label)) return;
        }
        throw new Error(`Tab does not lead to ${String(name)}`);
      };
      await focusOn(/^Select order.placed dan/);
      await page.keyboard.press('Space');
      await focusOn(/^Details of order.placed/);
      await page.keyboard.press('Enter');
      await page.locator('.letter pre').waitFor();
      await focusOn(/^Purge…$/, 'Shift+Tab');
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'Purge this dead letter?' });
      await dialog.waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      expect(await page.getByRole('checkbox', { name: /^Select order.placed dan/ }).isChecked()).toBe(true);
      courier.refused.clear();
      await page.keyboard.press('Enter');
      await dialog.waitFor();
      await focusOn(/^Purge$/);
      await page.keyboard.press('Enter');
      await eventually(() => expect(courier.delivered).toEqual(['behind']));
      await page.getByText('There is none.').waitFor();
      expect(complaints).toEqual([]);
    });

    it('shows in the strip of shards that a second process starts, and that it was killed', async () => {
      const page = await dashboard();
      const strip = page.getByRole('img', { name: /^64 shards: / });
      await page.getByRole('img', { name: '64 shards: 64 of this process' }).waitFor();
      await using collector = await closing(Collector.listen());
      await using crowd = await closing(new Crowd(scripts, collector, connectionsTo(database.url)));
      crowd.relay('web-2', { claimDurationMs: 1000, retry: [0, 100] });
      await page.getByRole('img', { name: /^64 shards: 32 of this process, 32 of web-2/ }).waitFor();
      const colors = await strip.locator('span').evaluateAll(backgrounds);
      expect([new Set(colors.slice(0, 32)).size, new Set(colors.slice(32)).size]).toEqual([1, 1]);
      expect(colors[0]).not.toBe(colors[63]);
      expect(await page.locator('.owners').textContent()).toMatch(
        /web-1.*this process32 of 640–31web-2.*32 of 6432–63/,
      );
      await page.screenshot({ path: join(SCREENSHOTS, 'two-processes.png') });

      await crowd.end('web-2', 'SIGKILL');
      await page.getByRole('img', { name: '64 shards: 64 of this process' }).waitFor();
      expect(complaints).toEqual([]);
    });

    it('pauses a destination and resumes it', async () => {
      const page = await dashboard();
      const shop = await visit('/shop');
      await page.getByRole('button', { name: 'Pause default' }).click();
      await page.getByRole('dialog', { name: 'Pause default?' }).getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('button', { name: 'Resume default' }).waitFor();
      await row(page, 'Destinations', 'paused').waitFor();
      await place(shop, 'ann', 'waits');
      await page.getByRole('button', { name: 'Resume default' }).click();
      await eventually(() => expect(courier.delivered).toEqual(['waits']));
      await page.getByRole('button', { name: 'Pause default' }).waitFor();
      expect(complaints).toEqual([]);
    });

    it('says that the connection is lost, and goes on when the app is back', async () => {
      const page = await dashboard();
      const { port } = app.getHttpServer().address() as AddressInfo;
      await app.close();
      await page.getByRole('status').filter({ hasText: 'Connection lost' }).waitFor();
      expect(await page.locator('#status').getAttribute('data-state')).toBe('lost');
      app = await startShop(database.url, courier, port);
      await page
        .getByRole('status')
        .filter({ hasText: /^Live$/ })
        .waitFor();
      const shop = await visit('/shop');
      courier.failing.add('eve');
      await place(shop, 'eve', 'first');
      await row(page, 'Held keys', 'eve').waitFor();
    });

    it.each<[string, BrowserContextOptions]>([
      ['light', { colorScheme: 'light' }],
      ['dark', { colorScheme: 'dark' }],
      ['phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
    ])('fits %s, and can be read there', async (look, options) => {
      courier.failing.add('bob');
      courier.refused.add('cat');
      const shop = await visit('/shop');
      for (const customer of ['ann', 'bob', 'cat']) await place(shop, customer, `for ${customer}`);
      const page = await dashboard(options);
      await row(page, 'Held keys', 'bob').waitFor();
      await row(page, 'Dead letters', 'cat')
        .getByRole('button', { name: /Details/ })
        .click();
      await page.locator('.letter pre').waitFor();
      const wider = await page.evaluate(tooWideBy);
      expect(wider).toBe(0);
      for (const name of ['value', 'hint', 'reason', 'under']) {
        expect(await page.locator(`.${name}`).first().evaluate(contrast)).toBeGreaterThan(4.5);
      }
      await page.screenshot({ path: join(SCREENSHOTS, `${look}.png`), fullPage: true });
      expect(complaints).toEqual([]);
    });
  },
);

async function closing<T extends { close(): Promise<void> }>(made: T | Promise<T>): Promise<T & AsyncDisposable> {
  const value = await made;
  return Object.assign(value, { [Symbol.asyncDispose]: () => value.close() });
}
