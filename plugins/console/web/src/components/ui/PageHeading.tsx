import { type ReactNode, useEffect } from "react";

/** The heading of a page, with its actions on the right. */
export function PageHeading({ title, children, above }: { title: string; children?: ReactNode; above?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Apolo Console`;
  }, [title]);
  return (
    <div className="heading">
      {above}
      <div>
        <h1>{title}</h1>
        {children}
      </div>
    </div>
  );
}
