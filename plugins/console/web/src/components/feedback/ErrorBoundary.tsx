import { Component, type ReactNode } from "react";
import { Message } from "./Message";

/** Stands in for a page that could not be shown. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: string }> {
  override state = { error: "" };

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <Message
        severity="error"
        action={
          <button type="button" className="button inherit" onClick={() => location.reload()}>
            RELOAD
          </button>
        }
      >
        This page could not be shown. Reload it; if that does not help, start “kubectl apolo console” again. (
        {this.state.error})
      </Message>
    );
  }
}
