import { Controller, Get, Inject, Post, Req, Res, UseGuards, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { askedDestination, askedIds, askedKey, asId } from './core/asked-for.js';
import { Dashboard } from './dashboard.js';
import { RequestGuard } from './dashboard.guard.js';
import type { ResolvedDashboardOptions } from './dashboard.options.js';
import { jsonBody, reply, replyJson, type PageRequest } from './http/exchange.js';
import { deadItemPage, deadLetterDetails, deadLetterPage } from './sources/dead-letter-pages.js';
import type { OutboxSource } from './sources/outbox-source.js';
import type { QueueSource } from './sources/queue-source.js';

const FOR_EVER = 'private, max-age=31536000, immutable';

/**
 * The dashboard's routes. Each takes the request and the response as they are and answers by itself, so that neither pipes,
 * interceptors nor filters of the app have a part in it.
 */
class DashboardController {
  constructor(@Inject(Dashboard) private readonly dashboard: Dashboard) {}

  @Get()
  page(@Req() request: PageRequest, @Res() response: ServerResponse): void {
    const [path = ''] = request.originalUrl.split('?');
    const base = path.endsWith('/') ? './' : `./${path.slice(path.lastIndexOf('/') + 1)}/`;
    const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' };
    reply(response, 200, headers, this.dashboard.assets.html(base));
  }

  @Get('assets/:build/:file')
  asset(@Req() { params, headers }: PageRequest, @Res() response: ServerResponse): void {
    const { assets } = this.dashboard;
    const asset = assets.get(params['file'] ?? '');
    if (!asset) return replyJson(response, 404, { error: 'There is no such file.' });
    const etag = `"${assets.build}"`;
    // Another build's page, as while a new release is rolled out, gets what there is and does not keep it.
    const caching = params['build'] === assets.build ? FOR_EVER : 'no-store';
    const shared = { 'Cache-Control': caching, ETag: etag, Vary: 'Accept-Encoding' };
    if (headers['if-none-match'] === etag) return reply(response, 304, shared);
    const zipped = /\bgzip\b/.test(headers['accept-encoding'] ?? '');
    const encoding: Record<string, string> = zipped ? { 'Content-Encoding': 'gzip' } : {};
    reply(response, 200, { ...shared, ...encoding, 'Content-Type': asset.type }, zipped ? asset.gzipped : asset.body);
  }

  @Get('stream')
  stream(@Res() response: ServerResponse): void {
    if (!this.dashboard.stream(response)) replyJson(response, 503, { error: 'The app is closing.' });
  }

  @Get('outboxes/:name/dead-letters')
  async deadLetters(@Req() request: PageRequest, @Res() response: ServerResponse): Promise<void> {
    await this.ofOutbox(request, response, 'Reading the dead letters', ({ parts }) =>
      deadLetterPage(parts.deadLetters, asId(queryOf(request, 'before'))),
    );
  }

  @Get('outboxes/:name/dead-letters/:id')
  async deadLetter(@Req() request: PageRequest, @Res() response: ServerResponse): Promise<void> {
    await this.ofOutbox(request, response, 'Reading a dead letter', async ({ parts }) => {
      const id = asId(request.params['id']);
      return id === undefined ? undefined : deadLetterDetails(parts.deadLetters, id);
    });
  }

  @Post('outboxes/:name/dead-letters/:action')
  async changeDeadLetters(@Req() request: PageRequest, @Res() response: ServerResponse): Promise<void> {
    const { name, action } = request.params;
    await this.ofOutbox(request, response, `To ${action} dead letters`, async ({ parts: { deadLetters } }) => {
      const ids = askedIds(await jsonBody(request));
      if (!ids || (action !== 'requeue' && action !== 'purge')) return MALFORMED;
      const count = await deadLetters[action]({ ids });
      this.dashboard.log(`${action} of ${count} dead letters of the outbox ${name}: ${ids.join(', ')}`);
      return { count };
    });
  }

  @Post('outboxes/:name/held-keys/release')
  async release(@Req() request: PageRequest, @Res() response: ServerResponse): Promise<void> {
    await this.ofOutbox(request, response, 'Releasing a held key', async ({ name, parts }) => {
      const key = askedKey(await jsonBody(request));
      if (!key) return MALFORMED;
      const released = await parts.heldKeys.release(key);
      // Without the key, which may be personal.
      this.dashboard.log(
        `release of a key of the outbox ${name}, for ${key.destination}: ${released ? 'done' : 'not held'}`,
      );
      return { count: released ? 1 : 0 };
    });
  }

  @Post('outboxes/:name/destinations/:action')
  async changeDestination(@Req() request: PageRequest, @Res() response: ServerResponse): Promise<void> {
    const { action } = request.params;
    await this.ofOutbox(request, response, `To ${action} a destination`, async ({ name, parts: { pauses } }) => {
      const asked = askedDestination(await jsonBody(request));
      if (asked === undefined || (action !== 'pause' && action !== 'resume')) return MALFORMED;
      const changed = (await pauses[action](asked ?? undefined)) ?? true;
      this.dashboard.log(`${action} of ${asked ?? 'all destinations'} of the outbox ${name}`);
      return { count: changed ? 1 : 0 };
    });
  }

  @Get('queues/:name/dead-letters')
  async deadItems(@Req() request: PageRequest, @Res() response: ServerResponse): Promise<void> {
    await this.ofQueue(request, response, 'Reading the dead letters', ({ queue }) =>
      deadItemPage(queue, Number(asId(queryOf(request, 'after')) ?? 0n)),
    );
  }

  @Post('queues/:name/dead-letters/:action')
  async changeDeadItems(@Req() request: PageRequest, @Res() response: ServerResponse): Promise<void> {
    const { action } = request.params;
    await this.ofQueue(request, response, `To ${action} dead letters`, async ({ name, queue }) => {
      const ids = askedIds(await jsonBody(request));
      if (!ids || (action !== 'requeue' && action !== 'purge')) return MALFORMED;
      const count = await queue.deadLetters[action](ids.map(Number));
      this.dashboard.log(`${action} of ${count} dead letters of the queue ${name}: ${ids.join(', ')}`);
      return { count };
    });
  }

  private ofOutbox(
    request: PageRequest,
    response: ServerResponse,
    what: string,
    answer: (outbox: OutboxSource) => Promise<unknown>,
  ): Promise<void> {
    return this.answer(response, what, this.dashboard.sources.outbox(request.params['name'] ?? ''), answer);
  }

  private ofQueue(
    request: PageRequest,
    response: ServerResponse,
    what: string,
    answer: (queue: QueueSource) => Promise<unknown>,
  ): Promise<void> {
    return this.answer(response, what, this.dashboard.sources.queue(request.params['name'] ?? ''), answer);
  }

  private async answer<Source>(
    response: ServerResponse,
    what: string,
    source: Source | undefined,
    answer: (source: Source) => Promise<unknown>,
  ): Promise<void> {
    try {
      const value = source === undefined ? undefined : await answer(source);
      if (value === undefined) return replyJson(response, 404, { error: 'It is not there (any more).' });
      if (value === MALFORMED) return replyJson(response, 400, { error: 'The request is not understood.' });
      replyJson(response, 200, value);
    } catch (error) {
      this.dashboard.failed(what, error);
      replyJson(response, 500, { error: `${what} failed: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
}

const MALFORMED = Symbol('malformed');

function queryOf({ originalUrl }: PageRequest, name: string): string | undefined {
  return new URL(originalUrl, 'http://localhost').searchParams.get(name) ?? undefined;
}

/** The controller at the options' path, behind their guard. A class of its own, since an app may have several dashboards. */
export function dashboardController({ path, guard }: ResolvedDashboardOptions): Type<unknown> {
  const guards = [new RequestGuard({ loopbackOnly: guard === undefined }), ...(guard === undefined ? [] : [guard])];

  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(...guards)
  class DashboardControllerAtPath extends DashboardController {}
  return DashboardControllerAtPath;
}
