/** The nonce with which the page's policy lets styles in. */
export const nonce = () => document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? "";

/** Runs a library's code that makes style elements and knows of no nonce: they get it meanwhile.
 *  xterm.js makes its own while it opens; its documentOverride does not reach all of them. */
export function withStyleNonce(run: () => void): void {
  const allowed = nonce();
  const create = Document.prototype.createElement;
  document.createElement = (tag: string, options?: ElementCreationOptions) => {
    const element = create.call(document, tag, options);
    if (element instanceof HTMLStyleElement) element.nonce = allowed;
    return element;
  };
  try {
    run();
  } finally {
    delete (document as { createElement?: unknown }).createElement;
  }
}
