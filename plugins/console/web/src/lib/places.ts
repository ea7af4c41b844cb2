const remembered = "apolo.place";

/** A cluster and a namespace; empty names stand for the kubeconfig's current ones. */
export interface Where {
  cluster: string;
  namespace: string;
}

/** The place that an address names, or else the one that this tab was at last. */
export function placeOf(search: string): Where {
  const query = new URLSearchParams(search);
  if (query.has("namespace") || query.has("cluster"))
    return { cluster: query.get("cluster") ?? "", namespace: query.get("namespace") ?? "" };
  try {
    const { cluster, namespace } = JSON.parse(sessionStorage.getItem(remembered) ?? "{}") as Partial<Where>;
    return { cluster: cluster ?? "", namespace: namespace ?? "" };
  } catch {
    return { cluster: "", namespace: "" };
  }
}

export function rememberPlace(place: Where): void {
  sessionStorage.setItem(remembered, JSON.stringify(place));
}
