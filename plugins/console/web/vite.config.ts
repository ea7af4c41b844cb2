import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the page on a port of Vite's and sends the API's requests to a Console that runs:
// kubectl apolo console --port 8080 --no-browser
const server = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  html: { cspNonce: "__CSP_NONCE__" }, // the server writes one into every response
  build: {
    target: "es2022",
    manifest: true, // for scripts/check-size.mjs
    assetsInlineLimit: 0, // the policy takes no fonts out of style sheets
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": { target: server, changeOrigin: true, ws: true, headers: { origin: server } } } },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
