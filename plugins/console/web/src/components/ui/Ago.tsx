import { useNow } from "../../lib/hooks";
import { ago, formatDuration, formatTime } from "../../lib/time";

export function Ago({ time }: { time: string }) {
  const now = useNow(5_000);
  return (
    <time dateTime={time} title={formatTime(time)}>
      {ago(time, now)}
    </time>
  );
}

export function Duration({ from, to }: { from: string; to?: string | undefined }) {
  const now = useNow(to ? 60_000 : 1_000);
  return <>{formatDuration(from, to ? Date.parse(to) : now)}</>;
}
