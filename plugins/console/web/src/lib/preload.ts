/** The name of the page at a path. */
export function pageAt(path: string): string {
  return path.startsWith("/jobs/") ? "job" : (path.split("/")[1] ?? "");
}

/** Preloads the code of the page at a path, in parallel with the code that all pages need. index.html lists, in a
 *  <meta> per page, which files that is. */
export function preload(path: string): void {
  const files =
    document.querySelector<HTMLMetaElement>(`meta[name="code-of:${CSS.escape(pageAt(path))}"]`)?.content ?? "";
  for (const href of files.split(" ").filter(Boolean))
    document.head.append(
      Object.assign(document.createElement("link"), { rel: "modulepreload", crossOrigin: "", href }),
    );
}
