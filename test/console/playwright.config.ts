import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  testIgnore: "bench/**", // 'make bench' runs it
  grepInvert: process.env.UPDATE_PICTURES ? undefined : /@readme/, // 'make screenshots' makes them
  outputDir: "../../dist/console/results",
  workers: 1, // one cluster, two cores
  timeout: 300_000,
  expect: { timeout: 60_000 }, // a pod may take a while on a busy machine
  // Chromium breaks off every request when a network interface comes or goes, and each pod brings one.
  retries: 1,
  reporter: [["list"]],
  use: {
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    trace: "off", // it would hold the values that are typed
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
      ],
    },
  },
});
