import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import { Component, type ReactNode } from "react";

/** Stands in for a page that could not be shown. */
export class Broken extends Component<{ children: ReactNode }, { error: string }> {
  override state = { error: "" };

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <Alert severity="error" action={<Button color="inherit" size="small" onClick={() => location.reload()}>RELOAD</Button>}>
        This page could not be shown. Reload it; if that does not help, start “kubectl apolo console” again. ({this.state.error})
      </Alert>
    );
  }
}
