/** In place of what must not be printed. */
const HIDDEN = '***';

/**
 * Takes the secrets out of texts that are printed, such as a driver's error: passwords as they are and as they are written in
 * URLs, and whatever a URL has between its scheme and its host.
 */
export class Secrets {
  private readonly texts = new Set<string>();

  /** A password, or a URL with one. */
  add(secret: string): void {
    for (const text of [secret, encodeURIComponent(secret), decoded(secret)]) if (text.length > 0) this.texts.add(text);
  }

  addUrl(url: string): void {
    const [, user = ''] = /^[a-z0-9+.-]+:\/\/(.*)@/is.exec(url) ?? [];
    const password = user.slice(user.indexOf(':') + 1);
    if (user.includes(':')) this.add(password);
    // As in `?password=…` and `?sslpassword=…`.
    for (const [, value = ''] of url.matchAll(/[?&][^=&#]*password=([^&#]*)/gi)) this.add(value);
  }

  hideIn(text: string): string {
    let hidden = text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, `$1${HIDDEN}@`);
    // The longest first: one may be part of another.
    for (const secret of [...this.texts].toSorted((a, b) => b.length - a.length)) {
      hidden = hidden.replaceAll(secret, HIDDEN);
    }
    return hidden;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
