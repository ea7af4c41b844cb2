import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import type { ReactNode } from "react";
import { ToastProvider } from "../app/toasts";
import { Mui } from "../components/ui/Mui";

/** Renders a component within its providers, and returns the simulated user. */
export function show(part: ReactNode): UserEvent {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <ToastProvider>
        <Mui>{part}</Mui>
      </ToastProvider>
    </QueryClientProvider>,
  );
  return userEvent.setup({ delay: null });
}
