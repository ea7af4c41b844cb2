// Fails if what the first page loads is larger than its budget, gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = 400_000;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const files = new Set(["index.html"]);

function add(chunk) {
  files.add(chunk.file);
  for (const file of [...(chunk.css ?? [])]) files.add(file);
  for (const name of chunk.imports ?? []) add(manifest[name]);
}
add(Object.values(manifest).find((chunk) => chunk.isEntry));
add(manifest["src/main.tsx"]); // which the entry loads at once
// Of the fonts, a browser loads those that the page's letters need.
for (const chunk of Object.values(manifest)) {
  for (const file of chunk.assets ?? []) if (file.includes("inter-latin-wght")) files.add(file);
}

let total = 0;
for (const file of files) {
  const bytes = gzipSync(readFileSync(new URL(file, dist))).length;
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${file}`);
}
console.log(`${String(total).padStart(8)}  bytes gzipped at first load; the budget is ${budget}`);
if (total > budget) {
  console.error("error: too large; load what the first page does not need with lazy()");
  process.exit(1);
}
