import config from "../playwright.config.ts";

export default { ...config, testDir: ".", testIgnore: [], outputDir: "../../../dist/console/results", timeout: 900_000, retries: 0, reporter: [["dot"]] };
