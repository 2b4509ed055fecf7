/** What a client says, without the password, or the token, of the URL that it was given. */
export function withoutLogin(text: string, url: string): string {
  const { username, password } = new URL(url);
  const secret = password || username; // a name alone is a token
  const forms = [secret, decodeURIComponent(secret)].filter((form) => form !== '');
  return forms.reduce((rest, form) => rest.replaceAll(form, '***'), text);
}
