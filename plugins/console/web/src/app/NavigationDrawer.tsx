import Drawer from "@mui/material/Drawer";
import type { ReactNode } from "react";

/** The navigation of small screens. */
export default function NavigationDrawer({
  open,
  onClose,
  children,
}: {
  open: boolean;
  onClose(): void;
  children: ReactNode;
}) {
  return (
    <Drawer open={open} onClose={onClose} slotProps={{ paper: { sx: { width: 280 } } }}>
      {children}
    </Drawer>
  );
}
