import { askEarly } from "./lib/early";

askEarly(location);
void import("./main");
// Its imports need not wait for main's code.
if (location.pathname === "/secrets") void import("./pages/SecretsPage").catch(() => undefined);

