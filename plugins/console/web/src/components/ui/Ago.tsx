import { useNow } from "../../lib/hooks";
import { ago, lasted, moment } from "../../lib/time";

export function Ago({ time }: { time: string }) {
  const now = useNow(5_000);
  return (
    <time dateTime={time} title={moment(time)}>
      {ago(time, now)}
    </time>
  );
}

export function Lasted({ from, to }: { from: string; to?: string | undefined }) {
  const now = useNow(to ? 60_000 : 1_000);
  return <>{lasted(from, to ? Date.parse(to) : now)}</>;
}
