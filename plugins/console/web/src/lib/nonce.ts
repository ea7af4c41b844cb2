/** The nonce with which the page's policy lets styles in. */
export const nonce = () => document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? "";

/** The document, with style elements that have the nonce: for libraries that make some and know of none. */
export function documentWithNonce(): Document {
  const allowed = nonce();
  return new Proxy(document, {
    get(target, property) {
      if (property === "createElement") {
        return (tag: string, options?: ElementCreationOptions) => {
          const element = target.createElement(tag, options);
          if (element instanceof HTMLStyleElement) element.nonce = allowed;
          return element;
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, property, value) => Reflect.set(target, property, value, target),
  });
}
