/** The token of a pasted link, or the pasted token itself. */
export function tokenOf(pasted: string): string {
  const text = pasted.trim();
  const found = /#(?:.*&)?token=([^&\s]+)/.exec(text);
  return found ? decodeURIComponent(found[1]!) : text;
}

let taken: string | undefined;

/** The token of the link that opened this page. It is taken out of the address and of the history at
 *  once, and is good for one login. */
export function takeLinkToken(): string {
  if (taken === undefined) {
    taken = /^#(?:.*&)?token=/.test(location.hash) ? tokenOf(location.hash) : "";
    if (taken) history.replaceState(null, "", location.pathname + location.search);
    return taken;
  }
  return "";
}
