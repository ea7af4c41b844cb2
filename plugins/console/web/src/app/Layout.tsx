import AccessIcon from "@mui/icons-material/GroupOutlined";
import DarkIcon from "@mui/icons-material/DarkModeOutlined";
import DashboardIcon from "@mui/icons-material/DashboardOutlined";
import JobsIcon from "@mui/icons-material/ScheduleOutlined";
import LightIcon from "@mui/icons-material/LightModeOutlined";
import LogoutIcon from "@mui/icons-material/LogoutOutlined";
import MenuIcon from "@mui/icons-material/Menu";
import SecretsIcon from "@mui/icons-material/LockOutlined";
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Link, useLocation } from "wouter";
import type { Session } from "../api/client";
import { Warnings } from "../components/feedback/Warnings";
import { Logo } from "../components/ui/Logo";
import { chooseMode, useMode } from "../lib/mode";
import { lazyWithRetry, withMui } from "./lazyWithRetry";
import { useScope } from "./place";

// Its two fields take as long to load as the rest of the first page.
const PlacePicker = lazyWithRetry(
  withMui(() => import("./PlacePicker")),
  <>
    <div className="skeleton" style={{ height: 40 }} />
    <div className="skeleton" style={{ height: 40 }} />
  </>,
  { later: true },
);

const NavigationDrawer = lazyWithRetry(withMui(() => import("./NavigationDrawer")));

const pages = [
  { path: "/dashboard", title: "Dashboard", icon: <DashboardIcon /> },
  { path: "/jobs", title: "Jobs", icon: <JobsIcon /> },
  { path: "/secrets", title: "Secrets", icon: <SecretsIcon /> },
  { path: "/access", title: "Access", icon: <AccessIcon /> },
];

/** The button that switches between light and dark. */
export function ThemeButton() {
  const dark = useMode() === "dark";
  const label = dark ? "Use the light theme" : "Use the dark theme";
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      data-tip={label}
      onClick={() => chooseMode(dark ? "light" : "dark")}
    >
      {dark ? <LightIcon /> : <DarkIcon />}
    </button>
  );
}

const large = matchMedia("(min-width: 900px)");
function onWidth(changed: () => void): () => void {
  large.addEventListener("change", changed);
  return () => large.removeEventListener("change", changed);
}

export function Layout({ session, onLogOut, children }: { session: Session; onLogOut(): void; children: ReactNode }) {
  const [path] = useLocation();
  const [open, setOpen] = useState(false);
  const wide = useSyncExternalStore(onWidth, () => large.matches);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const section = path.split("/")[1];
  const [shown, setShown] = useState(section);
  if (shown !== section) {
    setShown(section);
    setOpen(false);
  }
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true }); // so that the next Tab is on the new page
  }, [section]);

  const navigation = <Navigation path={path} session={session} onLogOut={onLogOut} />;
  return (
    <div className="frame">
      <a
        href="#main"
        className="skip"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to main content
      </a>
      {wide ? (
        <div className="side">{navigation}</div>
      ) : (
        <>
          <header className="bar">
            <button
              type="button"
              className="icon-button"
              aria-label="Open navigation"
              aria-expanded={open}
              onClick={() => setOpen(true)}
            >
              <MenuIcon />
            </button>
            <Logo />
            <span className="grow" />
            <ThemeButton />
          </header>
          <NavigationDrawer open={open} onClose={() => setOpen(false)}>
            {navigation}
          </NavigationDrawer>
        </>
      )}
      <main id="main" ref={main} tabIndex={-1} className="main">
        <div>
          <Warnings />
          {children}
        </div>
      </main>
    </div>
  );
}

function Navigation({ path, session, onLogOut }: { path: string; session: Session; onLogOut(): void }) {
  const { at } = useScope();
  return (
    <div className="navigation">
      <Logo />
      <nav aria-label="Main">
        <ul>
          {pages.map((page) => {
            const current = path === page.path || path.startsWith(`${page.path}/`);
            return (
              <li key={page.path}>
                <Link href={at(page.path)} aria-current={current ? "page" : undefined}>
                  {page.icon}
                  {page.title}
                </Link>
              </li>
            );
          })}
        </ul>
      </nav>
      <hr />
      <div className="places">
        <PlacePicker />
      </div>
      <div className="room" />
      <div className="who">
        <div className="grow">
          <div className="small strong cut" title={session.user}>
            {session.user || "Logged in"}
          </div>
          <div className="caption quiet cut" title={session.version}>
            Console {session.version}
          </div>
        </div>
        <ThemeButton />
        <button type="button" className="icon-button" aria-label="Log out" data-tip="Log out" onClick={onLogOut}>
          <LogoutIcon />
        </button>
      </div>
    </div>
  );
}
