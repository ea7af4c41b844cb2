import type { ReactNode } from "react";

export function Card({ children, label }: { children: ReactNode; label?: string }) {
  return label ? (
    <section className="card" aria-label={label}>
      {children}
    </section>
  ) : (
    <div className="card">{children}</div>
  );
}
