const remembered = "apolo.place";

/** A cluster and a namespace; empty names mean the current ones of the kubeconfig. */
export interface Place {
  cluster: string;
  namespace: string;
}

/** The place in an address, or else the last one of this tab. */
export function placeOf(search: string): Place {
  const query = new URLSearchParams(search);
  if (query.has("namespace") || query.has("cluster"))
    return { cluster: query.get("cluster") ?? "", namespace: query.get("namespace") ?? "" };
  try {
    const { cluster, namespace } = JSON.parse(sessionStorage.getItem(remembered) ?? "{}") as Partial<Place>;
    return { cluster: cluster ?? "", namespace: namespace ?? "" };
  } catch {
    return { cluster: "", namespace: "" };
  }
}

export function rememberPlace(place: Place): void {
  sessionStorage.setItem(remembered, JSON.stringify(place));
}
