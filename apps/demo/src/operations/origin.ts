import type { IncomingHttpHeaders } from 'node:http';

export interface Asked {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress?: string | undefined;
}

const READS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);
const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;
const LOOPBACK_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** A page of another site makes a visitor's browser ask for a change. What is no browser says nothing of a site. */
export function isCrossSiteChange({ method, headers }: Asked): boolean {
  if (READS.has(method)) return false;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin, host } = headers;
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
}

/**
 * By somebody on this machine, and by its own name: another name that leads here may be another site's. Through a proxy
 * everybody comes from this machine.
 */
export function isFromThisMachine({ headers, remoteAddress }: Asked): boolean {
  const isProxied = headers['forwarded'] !== undefined || headers['x-forwarded-for'] !== undefined;
  return !isProxied && LOOPBACK_ADDRESS.test(remoteAddress ?? '') && LOOPBACK_HOST.test(headers.host ?? '');
}
