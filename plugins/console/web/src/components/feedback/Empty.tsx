import type { ReactNode } from "react";

/** The empty state of a list. */
export function Empty({ icon, title, children }: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <div className="picture">{icon}</div>
      <p className="h3">{title}</p>
      {children && <div className="small">{children}</div>}
    </div>
  );
}
