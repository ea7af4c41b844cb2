// Fails if what the first page loads is larger than its budget, gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = 400_000;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const files = new Set(["index.html"]);

// The files that index.html names are loaded at once.
for (const [, file] of readFileSync(new URL("index.html", dist), "utf8").matchAll(/(?:src|href)="\/([^"]+)"/g))
  files.add(file);
if (![...files].some((file) => file.startsWith("assets/main-")))
  throw new Error("index.html does not name the code of the first page");

function add(name) {
  const chunk = manifest[name];
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const file of chunk.css ?? []) files.add(file);
  for (const other of chunk.imports ?? []) add(other);
}
// Every page loads these after it is shown.
for (const later of ["src/app/PlacePicker.tsx", "src/components/ui/Tips.tsx", "src/components/ui/Mui.tsx"]) add(later);
// A browser loads only the fonts that the page's characters need.
for (const chunk of Object.values(manifest)) {
  for (const file of [chunk.file, ...(chunk.assets ?? [])]) if (file.includes("inter-latin-wght")) files.add(file);
}

let total = 0;
for (const file of files) {
  const bytes = gzipSync(readFileSync(new URL(file, dist))).length;
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${file}`);
}
console.log(`${String(total).padStart(8)}  bytes gzipped at first load; the budget is ${budget}`);
if (total > budget) {
  console.error("error: too large; load what the first page does not need with lazyWithRetry()");
  process.exit(1);
}
