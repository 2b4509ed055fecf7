/**
 * A publisher's `url` option, one or several. Throws a RangeError that names the option and the form, and never the value:
 * it may hold a password.
 */
export function parseUrls(url: string | readonly string[], protocols: readonly string[]): URL[] {
  const urls = typeof url === 'string' ? [url] : url;
  const form = protocols.map((protocol) => `${protocol}//...`).join(' or ');
  if (urls.length === 0) throw new RangeError(`url must name at least one server, as ${form}`);
  return urls.map((text) => {
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (!parsed?.hostname || !protocols.includes(parsed.protocol)) {
      throw new RangeError(`url must be of the form ${form}; its value is not shown, as it may hold a password`);
    }
    return parsed;
  });
}
