import {
  Body,
  CanActivate,
  Catch,
  Controller,
  ExecutionContext,
  Get,
  Injectable,
  Module,
  Post,
  UnauthorizedException,
  ValidationPipe,
  VersioningType,
  type ExceptionFilter,
  type ModuleMetadata,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import { map } from 'rxjs';
import { SystemClock } from 'nestjs-turnpike/timing';
import { afterEach, describe, expect, it } from 'vitest';
import { Dashboard } from './dashboard.js';
import { resolveDashboardOptions } from './dashboard.options.js';
import { DashboardModule, DashboardSetupError, type DashboardOptions } from './index.js';

const apps: NestExpressApplication[] = [];
let logged: string[] = [];

interface Setting extends ModuleMetadata {
  readonly options?: DashboardOptions;
  readonly configure?: (app: NestExpressApplication) => void;
}

async function start({ options, configure, ...metadata }: Setting = {}): Promise<NestExpressApplication> {
  const module = await Test.createTestingModule({
    ...metadata,
    imports: [DashboardModule.forRoot(options), ...(metadata.imports ?? [])],
  }).compile();
  const app = module.createNestApplication<NestExpressApplication>();
  app.useLogger({ log: (text: string) => logged.push(text), warn: () => undefined, error: () => undefined });
  configure?.(app);
  apps.push(app);
  await app.listen(0, '127.0.0.1');
  return app;
}

const server = (app: NestExpressApplication) => request(app.getHttpServer());

const testOf = (app: NestExpressApplication, method: 'get' | 'post', path: string) =>
  server(app)[method](`/turnpike${path}`);

/** As if the request had come from another machine. */
const fromAfar = (app: NestExpressApplication): void => {
  app.use((asked: { socket: object }, _response: unknown, next: () => void) => {
    Object.defineProperty(asked.socket, 'remoteAddress', { value: '10.0.0.5' });
    next();
  });
};

const READING = [
  '',
  '/assets/x/main.js',
  '/stream',
  '/outboxes/a/dead-letters',
  '/outboxes/a/dead-letters/1',
  '/queues/q/dead-letters',
];
const CHANGING = [
  '/outboxes/a/dead-letters/requeue',
  '/outboxes/a/dead-letters/purge',
  '/outboxes/a/held-keys/release',
  '/outboxes/a/destinations/pause',
  '/outboxes/a/destinations/resume',
  '/queues/q/dead-letters/requeue',
  '/queues/q/dead-letters/purge',
];
const DELIBERATE = { 'x-turnpike-dashboard': '1' };

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  logged = [];
});

describe('The page', () => {
  it('is served with a policy that lets nothing in but its own files, none of which is inline', async () => {
    const { status, headers, text } = await server(await start()).get('/turnpike');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(headers['content-security-policy']).not.toMatch(/unsafe|http|\*/);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|style="|\son\w+=|https?:/);
    expect(text).not.toContain('{{');
  });

  it.each([
    ['/turnpike', '/turnpike', {}],
    ['/turnpike/', '/turnpike', {}],
    ['/ops/board', '/ops/board', { path: 'ops/board' }],
    ['/api/v1/turnpike?x=1', '/turnpike', {}, 'api/v1'],
  ])('finds all its files from %s', async (address, _path, options, prefix = '') => {
    const app = await start({ options, configure: (one) => prefix && one.setGlobalPrefix(prefix) });
    const page = new URL(address, 'http://localhost');
    const { text } = await server(app).get(page.pathname);
    const found = new Set(
      [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, url = '']) => new URL(url, page).pathname),
    );
    for (const url of found) {
      const answer = await server(app).get(url).buffer();
      expect([url, answer.status]).toEqual([url, 200]);
      if (!url.endsWith('.js')) continue;
      for (const [, name = ''] of answer.text.matchAll(/^import .* from '([^']+)'/gm))
        found.add(new URL(name, new URL(url, page)).pathname);
    }
    expect([...found].map((url) => url.split('/').at(-1))).toEqual(
      expect.arrayContaining(['main.js', 'dashboard.css', 'stream.js', 'uPlot.esm.js', 'uPlot.min.css']),
    );
  });

  it('has files that a browser keeps for ever, and asks for anew after a release', async () => {
    const app = await start();
    const { text } = await server(app).get('/turnpike');
    const [url = ''] = /\.\/turnpike\/assets\/\w{16}\/main\.js/.exec(text) ?? [];
    const current = await server(app).get(url.slice(1));
    expect(current.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'private, max-age=31536000, immutable',
      'content-encoding': 'gzip',
    });
    const etag = String(current.headers['etag']);
    expect((await server(app).get(url.slice(1)).set('if-none-match', etag)).status).toBe(304);
    const plain = await server(app).get(url.slice(1)).set('accept-encoding', 'identity');
    expect([plain.headers['content-encoding'], plain.text]).toEqual([undefined, current.text]);
    expect((await server(app).get('/turnpike/assets/0123456789abcdef/main.js')).headers['cache-control']).toBe(
      'no-store',
    );
  });

  it.each([
    'tsconfig.json',
    'uPlot.esm.d.ts',
    'index.html',
    '..%2Fpackage.json',
    '%2e%2e%2f%2e%2e%2fpackage.json',
    'constructor',
  ])('has no file %s', async (name) => {
    expect((await server(await start()).get(`/turnpike/assets/x/${name}`)).status).toBe(404);
  });
});

@Controller()
class Own {
  @Get('hello')
  hello(): string {
    return 'hello';
  }

  @Post('turnpike-of-mine')
  mine(@Body() body: object): object {
    return body;
  }
}

@Catch()
class Teapot implements ExceptionFilter {
  catch(_error: unknown, host: Parameters<ExceptionFilter['catch']>[1]): void {
    host.switchToHttp().getResponse().status(418).send('teapot');
  }
}

describe('An app with a dashboard', () => {
  it('keeps its routes, and its pipes, interceptors and filters do not change the dashboard', async () => {
    const app = await start({
      controllers: [Own],
      configure: (one) => {
        one.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
        one.useGlobalInterceptors({
          intercept: (_context, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
        });
        one.useGlobalFilters(new Teapot());
        one.enableVersioning({ type: VersioningType.URI });
        one.enableCors();
      },
    });
    expect((await server(app).get('/hello')).body).toEqual({ data: 'hello' });
    expect((await server(app).post('/turnpike-of-mine').send({ a: 1 })).body).toEqual({ data: { a: 1 } });
    const page = await server(app).get('/turnpike');
    expect([page.status, page.headers['access-control-allow-origin']]).toEqual([200, undefined]);
    const unknown = await server(app).get('/turnpike/outboxes/none/dead-letters');
    expect([unknown.status, unknown.body]).toEqual([404, { error: 'It is not there (any more).' }]);
  });

  it('closes at once while a page is open, which is told', async () => {
    const app = await start();
    const response = await fetch(`${await app.getUrl()}/turnpike/stream`);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('event: snapshot')) text += (await reader.read()).value ?? '';
    expect(text).toMatch(/^event: history\ndata: {"outboxes":{}}\n\nevent: snapshot\ndata: {"atMs":\d+,/);
    expect(text).toContain('"outboxes":[],"queues":[],"checkpoints":[],"barriers":[]');
    const closing = app.close();
    while (!(await reader.read()).done);
    await closing;
  });

  it('may have no server at all', async () => {
    const context = await NestFactory.createApplicationContext(DashboardModule.forRoot(), { logger: false });
    expect(context.get(Dashboard).sampler.watching).toBe(0);
    await context.close();
  });

  it('says so when it runs on an adapter on which the dashboard was never tried', () => {
    const host = { httpAdapter: { getType: () => 'fastify' } };
    const dependencies = { options: resolveDashboardOptions({}), host, clock: new SystemClock() };
    const dashboard = new Dashboard(dependencies as unknown as ConstructorParameters<typeof Dashboard>[0]);
    expect(() => dashboard.onApplicationBootstrap()).toThrow(DashboardSetupError);
    expect(() => dashboard.onApplicationBootstrap()).toThrow(/Express.*runs on fastify/);
  });

  it.each([
    [{ path: '' }, /path must be a path of its own/],
    [{ path: '/' }, /path must be/],
    [{ path: '/a/:b' }, /path must be/],
    [{ path: '*' }, /path must be/],
    [{ intervalMs: 100 }, /intervalMs must be a whole number of at least 200/],
    [{ guard: 'admin' as never }, /guard must be a CanActivate/],
  ])('does not start with %o', (options, message) => {
    expect(() => DashboardModule.forRoot(options)).toThrow(message);
  });
});

describe('Without a guard', () => {
  it('answers to this machine, and says so in the log', async () => {
    const app = await start();
    expect((await server(app).get('/turnpike')).status).toBe(200);
    expect(logged.filter((text) => /turnpike/.test(text)).join()).toMatch(
      /Without a guard, it answers only to this machine/,
    );
  });

  it.each([...READING.map((path) => ['get', path] as const), ...CHANGING.map((path) => ['post', path] as const)])(
    'refuses to %s %s from elsewhere, through a proxy, and under a name of another site',
    async (method, path) => {
      const [near, far] = [await start(), await start({ configure: fromAfar })];
      const ask = (app: NestExpressApplication, headers: Record<string, string>) =>
        testOf(app, method, path).set({ ...DELIBERATE, ...headers });
      expect((await ask(far, {})).status).toBe(403);
      expect((await ask(near, { 'x-forwarded-for': '127.0.0.1' })).status).toBe(403);
      const rebound = await ask(near, { host: 'evil.example' });
      expect([rebound.status, rebound.body.message]).toEqual([403, expect.stringContaining('local name')]);
    },
  );
});

@Injectable()
class Staff {
  readonly names = new Set(['ann']);
}

@Module({ providers: [Staff], exports: [Staff] })
class StaffModule {}

@Injectable()
class StaffOnly implements CanActivate {
  constructor(private readonly staff: Staff) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    if (headers['x-user'] === undefined) throw new UnauthorizedException();
    return this.staff.names.has(headers['x-user']);
  }
}

describe('With a guard', () => {
  const admitted = (context: ExecutionContext): boolean =>
    context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-user'] === 'ann';

  it.each<[string, DashboardOptions]>([
    ['class that injects', { guard: StaffOnly, imports: [StaffModule] }],
    ['instance', { guard: { canActivate: admitted } }],
    ['function', { guard: admitted }],
    ['function that answers later', { guard: async (context) => admitted(context) }],
  ])('that is a %s, it decides, wherever the request comes from', async (_kind, options) => {
    const app = await start({ options, configure: fromAfar });
    const ask = (user: string) =>
      server(app).get('/turnpike').set({ 'x-user': user, host: 'ops.example', 'x-forwarded-for': '10.1.1.1' });
    expect((await ask('ann')).status).toBe(200);
    expect((await ask('eve')).status).toBe(403);
    expect(logged.join()).toContain('Its guard decides who may see it.');
  });

  it('its own errors are answered', async () => {
    const app = await start({ options: { guard: StaffOnly, imports: [StaffModule] } });
    expect((await server(app).get('/turnpike')).status).toBe(401);
  });

  it.each([...READING.map((path) => ['get', path] as const), ...CHANGING.map((path) => ['post', path] as const)])(
    'nothing is answered without its consent: %s %s',
    async (method, path) => {
      const app = await start({ options: { guard: () => false } });
      expect((await testOf(app, method, path).set(DELIBERATE)).status).toBe(403);
    },
  );
});

describe.each<[string, DashboardOptions]>([
  ['With', { guard: () => true }],
  ['Without', {}],
])('%s a guard', (_with, options) => {
  it.each(CHANGING)('a cross-site POST of %s is refused, and one without our header', async (path) => {
    const app = await start({ options, configure: (one) => one.enableCors() });
    const post = (headers: Record<string, string>) =>
      server(app)
        .post(`/turnpike${path}`)
        .set({ host: 'localhost', ...headers })
        .send({ ids: ['1'] });
    const same = { 'sec-fetch-site': 'same-origin' };
    expect((await post({ ...DELIBERATE, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await post({ ...DELIBERATE, origin: 'http://evil.example' })).status).toBe(403);
    expect((await post(same)).status).toBe(403);
    expect((await post({ ...same, ...DELIBERATE })).status).toBe(404); // let through: there is no such outbox
  });

  it.each(READING.slice(1))("another site's page does not read %s", async (path) => {
    const app = await start({ options, configure: (one) => one.enableCors() });
    const get = (headers: Record<string, string>) =>
      server(app)
        .get(`/turnpike${path}`)
        .set({ host: 'localhost', ...headers });
    expect((await get({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' })).status).toBe(403);
    expect((await get({ origin: 'http://evil.example' })).status).toBe(403);
  });
});
