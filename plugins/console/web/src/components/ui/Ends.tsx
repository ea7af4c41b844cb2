import { formatTime } from "../../lib/time";

/** When access ends, and what is wrong with that. It has nothing to show for access without an end. */
export function Ends({ ends, problem }: { ends?: string | undefined; problem?: string | undefined }) {
  if (!ends) return problem ?? null;
  return (
    <>
      <time dateTime={ends}>{formatTime(ends)}</time>
      {problem && ` (${problem})`}
    </>
  );
}
