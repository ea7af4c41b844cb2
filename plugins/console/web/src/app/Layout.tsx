import AccessIcon from "@mui/icons-material/GroupOutlined";
import DarkIcon from "@mui/icons-material/DarkModeOutlined";
import DashboardIcon from "@mui/icons-material/DashboardOutlined";
import JobsIcon from "@mui/icons-material/ScheduleOutlined";
import LightIcon from "@mui/icons-material/LightModeOutlined";
import LogoutIcon from "@mui/icons-material/LogoutOutlined";
import MenuIcon from "@mui/icons-material/Menu";
import SecretsIcon from "@mui/icons-material/LockOutlined";
import AppBar from "@mui/material/AppBar";
import Box from "@mui/material/Box";
import Divider from "@mui/material/Divider";
import Drawer from "@mui/material/Drawer";
import IconButton from "@mui/material/IconButton";
import Link from "@mui/material/Link";
import List from "@mui/material/List";
import ListItem from "@mui/material/ListItem";
import ListItemButton from "@mui/material/ListItemButton";
import ListItemIcon from "@mui/material/ListItemIcon";
import ListItemText from "@mui/material/ListItemText";
import Skeleton from "@mui/material/Skeleton";
import { useColorScheme } from "@mui/material/styles";
import Toolbar from "@mui/material/Toolbar";
import Tooltip from "@mui/material/Tooltip";
import Typography from "@mui/material/Typography";
import useMediaQuery from "@mui/material/useMediaQuery";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Link as RouteLink, useLocation } from "wouter";
import type { Session } from "../api/client";
import { Logo } from "../parts/Logo";
import { loaded } from "./loaded";
import { useWhere } from "./place";

// Its two fields cost as much as the rest of the first page together.
const PlacePicker = loaded(() => import("./PlacePicker"), (
  <Box sx={{ display: "grid", gap: 1.5 }}>
    <Skeleton variant="rounded" height={40} />
    <Skeleton variant="rounded" height={40} />
  </Box>
), { later: true });

const width = 256;
const pages = [
  { path: "/dashboard", title: "Dashboard", icon: <DashboardIcon /> },
  { path: "/jobs", title: "Jobs", icon: <JobsIcon /> },
  { path: "/secrets", title: "Secrets", icon: <SecretsIcon /> },
  { path: "/access", title: "Access", icon: <AccessIcon /> },
];

/** Light or dark, and the button that changes it. */
export function ThemeButton() {
  const { mode, systemMode, setMode } = useColorScheme();
  const dark = (mode === "system" ? systemMode : mode) === "dark";
  const label = dark ? "Use the light theme" : "Use the dark theme";
  return (
    <Tooltip title={label}>
      <IconButton aria-label={label} onClick={() => setMode(dark ? "light" : "dark")}>{dark ? <LightIcon /> : <DarkIcon />}</IconButton>
    </Tooltip>
  );
}

export function Layout({ session, onLogOut, children }: { session: Session; onLogOut(): void; children: ReactNode }) {
  const [path] = useLocation();
  const [open, setOpen] = useState(false);
  const wide = useMediaQuery("(min-width: 900px)", { noSsr: true });
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const section = path.split("/")[1];
  useEffect(() => {
    setOpen(false);
    window.scrollTo(0, 0);
    if (!first.current) main.current?.focus({ preventScroll: true }); // so that the next Tab is on the new page
    first.current = false;
  }, [section]);

  const navigation = <Navigation path={path} session={session} onLogOut={onLogOut} />;
  return (
    <Box sx={{ display: "flex", minHeight: "100dvh" }}>
      <Link href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}
        sx={{ position: "fixed", top: 8, left: 8, zIndex: 2000, px: 2, py: 1, borderRadius: 1, bgcolor: "background.paper", transform: "translateY(-200%)", "&:focus": { transform: "none" } }}>
        Skip to the content
      </Link>
      {wide ? (
        <Drawer variant="permanent" sx={{ width, flexShrink: 0 }} slotProps={{ paper: { sx: { width, bgcolor: "background.paper", borderColor: "divider" } } }}>
          {navigation}
        </Drawer>
      ) : (
        <>
          <AppBar position="fixed" color="inherit" elevation={0} sx={{ borderBottom: 1, borderColor: "divider", bgcolor: "background.paper" }}>
            <Toolbar variant="dense" sx={{ gap: 1, minHeight: 56, px: "8px !important" }}>
              <IconButton aria-label="Open the navigation" aria-expanded={open} onClick={() => setOpen(true)}><MenuIcon /></IconButton>
              <Logo />
              <Box sx={{ flexGrow: 1 }} />
              <ThemeButton />
            </Toolbar>
          </AppBar>
          <Drawer open={open} onClose={() => setOpen(false)} slotProps={{ paper: { sx: { width: Math.min(width + 24, 300) } } }}>{navigation}</Drawer>
        </>
      )}
      <Box component="main" id="main" ref={main} tabIndex={-1} sx={{ flex: 1, minWidth: 0, px: { xs: 2, sm: 3, lg: 4 }, pb: 6, pt: wide ? 3.5 : 9.5, outline: "none !important" }}>
        <Box sx={{ maxWidth: 1320, mx: "auto" }}>{children}</Box>
      </Box>
    </Box>
  );
}

function Navigation({ path, session, onLogOut }: { path: string; session: Session; onLogOut(): void }) {
  const { at } = useWhere();
  return (
    <Box sx={{ display: "flex", flexDirection: "column", height: "100%", overflowY: "auto" }}>
      <Box sx={{ px: 2.5, pt: 2.5, pb: 2 }}><Logo /></Box>
      <Box component="nav" aria-label="Pages">
        <List disablePadding sx={{ px: 1.5, display: "grid", gap: 0.5 }}>
          {pages.map((page) => {
            const current = path === page.path || path.startsWith(`${page.path}/`);
            return (
              <ListItem key={page.path} disablePadding>
                <ListItemButton component={RouteLink} href={at(page.path)} selected={current} aria-current={current ? "page" : undefined}
                  sx={{ borderRadius: 1.25, py: 0.75, "&.Mui-selected": { color: "primary.main", "& .MuiListItemIcon-root": { color: "primary.main" } } }}>
                  <ListItemIcon sx={{ minWidth: 38, color: "text.secondary" }}>{page.icon}</ListItemIcon>
                  <ListItemText primary={page.title} slotProps={{ primary: { sx: { fontWeight: current ? 600 : 500 } } }} />
                </ListItemButton>
              </ListItem>
            );
          })}
        </List>
      </Box>
      <Divider sx={{ my: 2 }} />
      <Box sx={{ px: 2 }}><PlacePicker /></Box>
      <Box sx={{ flexGrow: 1, minHeight: 24 }} />
      <Divider />
      <Box sx={{ display: "flex", alignItems: "center", gap: 0.5, px: 2, py: 1.25 }}>
        <Box sx={{ minWidth: 0, flexGrow: 1 }}>
          <Typography variant="body2" noWrap title={session.user} sx={{ fontWeight: 600 }}>{session.user || "Logged in"}</Typography>
          <Typography variant="caption" color="textSecondary" noWrap component="div" title={session.version}>Console {session.version}</Typography>
        </Box>
        <ThemeButton />
        <Tooltip title="Log out"><IconButton aria-label="Log out" onClick={onLogOut} edge="end"><LogoutIcon /></IconButton></Tooltip>
      </Box>
    </Box>
  );
}
