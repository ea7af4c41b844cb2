import { preload } from "./lib/preload";
import { prefetch } from "./lib/prefetch";

prefetch(location);
preload(location.pathname);
void import("./main");
