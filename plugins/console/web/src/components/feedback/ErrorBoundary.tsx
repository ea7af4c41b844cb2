import { Component, type ReactNode } from "react";
import { Message } from "./Message";

/** Shows an error instead of a page that failed. */
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
        This page failed to load ({this.state.error}). Reload it. If that does not help, restart “kubectl apolo
        console”.
      </Message>
    );
  }
}
