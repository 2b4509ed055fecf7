/** What is looked at of a request before anything else. */
export interface Asked {
  readonly method: string | undefined;
  /** Of the socket: what no header can change. */
  readonly remoteAddress: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The header that each state-changing request must have. A form cannot send it. */
export const REQUEST_HEADER = 'x-turnpike-dashboard';

/** With any of these, the request came through a proxy, and the socket's address says nothing of who asks. */
const FORWARDED = [
  'forwarded',
  'x-forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'via',
];

/**
 * Why the request is refused; undefined: it is not.
 *
 * `loopbackOnly` is for a dashboard without a guard: the socket must be of this machine, nothing may say that the request
 * was forwarded, and the name in `Host` must be local too, or a page of any site could have its own name lead here (DNS
 * rebinding).
 *
 * What another site's page asks for is refused in any case, reading too: an app may allow cross-origin requests for its own
 * routes, and a browser sends its user's credentials along. Only links to the dashboard are let through. What changes
 * something must be a POST with `REQUEST_HEADER`.
 */
export function refusalOf(asked: Asked, { loopbackOnly }: { readonly loopbackOnly: boolean }): string | undefined {
  return (loopbackOnly ? notLocal(asked) : undefined) ?? fromElsewhere(asked) ?? notDeliberate(asked);
}

function notLocal({ remoteAddress, headers }: Asked): string | undefined {
  if (!isLoopback(remoteAddress)) {
    return 'Without a guard, the dashboard answers only to this machine. Give one to DashboardModule.forRoot({ guard }).';
  }
  const forwarded = FORWARDED.find((name) => headers[name] !== undefined);
  if (forwarded !== undefined) {
    return `Without a guard, the dashboard does not answer through a proxy (${forwarded}). Give one to DashboardModule.forRoot({ guard }).`;
  }
  if (!isLocalName(hostOf(headers))) {
    return 'Without a guard, the dashboard answers only under a local name, such as localhost.';
  }
  return undefined;
}

function fromElsewhere({ method, headers }: Asked): string | undefined {
  const site = one(headers['sec-fetch-site']);
  if (site === 'same-origin' || (site === 'none' && isReading(method))) return undefined;
  if (site !== undefined) {
    const isLink =
      isReading(method) && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
    return isLink ? undefined : 'The dashboard does not answer what other sites ask for.';
  }
  // A browser that does not say it (over plain HTTP, or an old one) says where a cross-site request comes from.
  const origin = one(headers['origin']);
  if (origin === undefined || originHost(origin) === hostOf(headers)?.toLowerCase()) return undefined;
  return 'The dashboard does not answer what other sites ask for.';
}

function notDeliberate({ method, headers }: Asked): string | undefined {
  if (isReading(method) || headers[REQUEST_HEADER] !== undefined) return undefined;
  return `What changes something needs the header ${REQUEST_HEADER}.`;
}

function isReading(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD';
}

export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address) || address === '::1');
}

/** With or without a port. */
function isLocalName(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.toLowerCase().replace(/:\d+$/, '');
  return /^(.+\.)?localhost$/.test(name) || name === '[::1]' || isLoopback(name);
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function hostOf(headers: Asked['headers']): string | undefined {
  return one(headers['host'] ?? headers[':authority']);
}

function one(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
