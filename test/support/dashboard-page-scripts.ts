/** What a browser runs in the page: sent there as text, so that nothing outside of a function is known in it. */

interface Element {
  readonly textContent: string | null;
  readonly parentElement: Element | null;
  readonly scrollWidth: number;
  readonly clientWidth: number;
  readonly style: Record<string, string>;
  getAttribute(name: string): string | null;
}

/** What we use of a page; the tests' types are those of Node.js. */
interface InPage {
  readonly document: {
    readonly activeElement: Element;
    readonly documentElement: Element;
    querySelector(selector: string): Element | null;
  };
  MutationObserver: new (listener: () => void) => { observe(node: unknown, options: object): void };
  shownAtMs?: number;
  getComputedStyle(element: Element): { readonly color: string; readonly backgroundColor: string };
}

/** Of numbers that come and go within a second: only the page itself is quick enough. */
export function ratesShown(): boolean {
  const { document } = globalThis as unknown as InPage;
  return ['published', 'delivered'].every(
    (name) => Number(document.querySelector(`[data-value="${name}"]`)?.textContent) > 0,
  );
}

/** Notes when the page first shows the text in an element that fits. */
export function noteWhenShown({ selector, text }: { selector: string; text: string }): void {
  const page = globalThis as unknown as InPage;
  const look = (): void => {
    if (page.document.querySelector(selector)?.textContent?.includes(text)) page.shownAtMs ??= Date.now();
  };
  new page.MutationObserver(look).observe(page.document, { subtree: true, childList: true, characterData: true });
}

/** By the machine's clock. */
export function notedAtMs(): number | undefined {
  return (globalThis as unknown as InPage).shownAtMs;
}

export function focusedName(): string {
  const { activeElement } = (globalThis as unknown as InPage).document;
  return activeElement.getAttribute('aria-label') ?? activeElement.textContent ?? '';
}

/** Without transitions, which would give a colour in between. */
export function backgrounds(cells: unknown[]): string[] {
  return (cells as Element[]).map((cell) => {
    cell.style['transition'] = 'none';
    return (globalThis as unknown as InPage).getComputedStyle(cell).backgroundColor;
  });
}

/** How many pixels the page is wider than the window. */
export function tooWideBy(): number {
  const { documentElement } = (globalThis as unknown as InPage).document;
  return documentElement.scrollWidth - documentElement.clientWidth;
}

/** Of the element's text to what is behind it, by WCAG 2. */
export function contrast(element: unknown): number {
  const { getComputedStyle } = globalThis as unknown as InPage;
  const channels = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string): number => {
    const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const text = element as Element;
  let behind = text;
  while (behind.parentElement && channels(getComputedStyle(behind).backgroundColor)[3] === 0) {
    behind = behind.parentElement;
  }
  const [a = 0, b = 0] = [getComputedStyle(text).color, getComputedStyle(behind).backgroundColor].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
