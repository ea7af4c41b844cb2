import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import type { ReactNode } from "react";
import { ToastProvider } from "../app/toasts";
import { Mui } from "../components/ui/Mui";

/** Shows a part of the page with what it needs around it, and returns the user who works with it. */
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
