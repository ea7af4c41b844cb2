import { loadEarly } from "./lib/ahead";
import { askEarly } from "./lib/early";

askEarly(location);
loadEarly(location.pathname);
void import("./main");
