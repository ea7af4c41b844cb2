import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { type Plugin, runnerImport } from "vite";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the page with Vite and proxies requests of the API to a running Console:
// kubectl apolo console --port 8080 --no-browser
const server = "http://127.0.0.1:8080";

/** Makes the browser load the code of the first page together with boot.ts, instead of after it. The files of every
 *  other page are listed in a <meta>, for boot.ts. */
const loadTogether: Plugin = {
  name: "load-together",
  transformIndexHtml: {
    order: "post",
    handler: (_, { bundle }) => {
      const chunks = Object.values(bundle ?? {}).filter((file) => file.type === "chunk");
      const withImports = (files: string[], without: string[] = []) => {
        for (const file of files)
          files.push(
            ...chunks.find((chunk) => chunk.fileName === file)!.imports.filter((other) => !files.includes(other)),
          );
        return files.filter((file) => !without.includes(file));
      };
      const chunkOf = (name: string) =>
        chunks.filter((chunk) => chunk.facadeModuleId === source(name)).map((chunk) => chunk.fileName);
      const boot = withImports(chunks.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName));
      const main = withImports(chunkOf("main.tsx"), boot);
      const sheets = chunks
        .filter((chunk) => main.includes(chunk.fileName))
        .flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]);
      const tag = (tag: string, attrs: Record<string, string | boolean>) => ({ tag, attrs, injectTo: "head" as const });
      return [
        ...sheets.map((file) => tag("link", { rel: "stylesheet", crossorigin: true, href: `/${file}` })),
        ...main.map((file) => tag("link", { rel: "modulepreload", crossorigin: true, href: `/${file}` })),
        ...Object.entries(pages).map(([path, name]) =>
          tag("meta", {
            name: `code-of:${path}`,
            content: withImports(
              [...chunkOf(name), ...(name.endsWith("SecretsPage.tsx") ? [] : chunkOf("components/ui/Mui.tsx"))],
              [...boot, ...main],
            )
              .map((file) => `/${file}`)
              .join(" "),
          }),
        ),
      ];
    },
  },
};

/** The pages that have code of their own, by their names in src/lib/preload.ts. */
const pages = {
  access: "pages/AccessPage.tsx",
  job: "pages/JobPage.tsx",
  jobs: "pages/JobsPage.tsx",
  secrets: "pages/SecretsPage.tsx",
};

/** Replaces Material UI's factory of icons. */
const plainIcons: Plugin = {
  name: "plain-icons",
  enforce: "pre",
  resolveId: {
    filter: { id: /\/createSvgIcon\.mjs$/ },
    handler: (_, importer) =>
      importer?.includes("@mui/icons-material") ? source("components/ui/createSvgIcon.tsx") : undefined,
  },
};

/** The theme's variables as a style sheet, so that the page does not generate it each time it is opened. */
const themeSheet: Plugin = {
  name: "theme-sheet",
  resolveId: { filter: { id: /^virtual:theme\.css$/ }, handler: () => "\0theme.css" },
  load: {
    filter: { id: /^\0theme\.css$/ },
    async handler() {
      const { module } = await runnerImport<{ theme: { generateStyleSheets(): Rules[] } }>(source("theme.ts"));
      this.addWatchFile(source("theme.ts"));
      return module.theme.generateStyleSheets().map(cssText).join("");
    },
  },
};

type Rules = { [name: string]: string | number | Rules };

function cssText(rules: Rules): string {
  return Object.entries(rules)
    .map(([name, value]) => (typeof value === "object" ? `${name} {\n${cssText(value)}}\n` : `  ${name}: ${value};\n`))
    .join("");
}

interface Graph {
  getModuleInfo(id: string): { importedIds: readonly string[] } | null;
}

/** A module and all modules that it imports, directly or not. */
function needed(graph: Graph, id: string, found = new Set<string>()): Set<string> {
  if (!found.has(id)) {
    found.add(id);
    for (const other of graph.getModuleInfo(id)?.importedIds ?? []) needed(graph, other, found);
  }
  return found;
}

const source = (name: string) => fileURLToPath(new URL(`src/${name}`, import.meta.url));

/** One file for the first page, one for what the page Secrets needs besides, and one for Material UI: each file costs
 *  a browser some milliseconds, even on a fast network. */
let parts: { boot: Set<string>; main: Set<string>; secrets: Set<string> } | undefined;
function fileOf(id: string, graph: Graph): string | null {
  parts ??= {
    boot: needed(graph, source("boot.ts")),
    main: needed(graph, source("main.tsx")),
    secrets: needed(graph, source("pages/SecretsPage.tsx")),
  };
  if (parts.boot.has(id) || (id.startsWith("\0") && !id.endsWith(".css"))) return "boot"; // \0: the bundler's own
  if (parts.main.has(id)) return "main";
  if (parts.secrets.has(id)) return "secrets";
  return /node_modules\/(@mui\/(?!icons)|@emotion|@popperjs|react-transition-group)/.test(id) ? "mui" : null;
}

export default defineConfig({
  plugins: [react(), plainIcons, themeSheet, loadTogether],
  html: { cspNonce: "__CSP_NONCE__" }, // the server writes one into every response
  build: {
    target: "es2022",
    manifest: true, // for scripts/check-size.mjs
    assetsInlineLimit: 0, // the policy allows no fonts inside style sheets
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: fileOf, test: /./ }], includeDependenciesRecursively: false } },
    },
  },
  server: { proxy: { "/api": { target: server, changeOrigin: true, ws: true, headers: { origin: server } } } },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    testTimeout: 120_000, // for busy machines
  },
});
