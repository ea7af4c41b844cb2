/** The name of the page at a path. */
export function pageAt(path: string): string {
  return path.startsWith("/jobs/") ? "job" : (path.split("/")[1] ?? "");
}

/** Has the browser load the code of the page at a path while it reads that which all pages need. index.html says, in a
 *  <meta> per page, which files that is. */
export function preload(path: string): void {
  const files =
    document.querySelector<HTMLMetaElement>(`meta[name="code-of:${CSS.escape(pageAt(path))}"]`)?.content ?? "";
  for (const href of files.split(" ").filter(Boolean))
    document.head.append(
      Object.assign(document.createElement("link"), { rel: "modulepreload", crossOrigin: "", href }),
    );
}
