import type { Secret } from "../api/client";

export interface SecretOrder {
  by: "key" | "created";
  down: boolean;
}

/** The secrets whose keys contain all words of a search, sorted; the one just saved comes first. */
export function shownSecrets(secrets: Secret[], search: string, order: SecretOrder, first: string): Secret[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length
    ? secrets.filter((secret) => words.every((word) => secret.key.toLowerCase().includes(word)))
    : [...secrets];
  const byKey = (a: Secret, b: Secret) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  const direction = order.down ? -1 : 1;
  return found.sort((a, b) => {
    if (first && (a.key === first) !== (b.key === first)) return a.key === first ? -1 : 1;
    return direction * ((order.by === "created" ? Date.parse(a.created) - Date.parse(b.created) : 0) || byKey(a, b));
  });
}
