import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Leftover } from "../../api/client";
import { key, useLeftovers } from "../../api/queries";
import { usePlace } from "../../app/place";
import { useToast } from "../../app/toasts";
import { Message } from "../feedback/Message";

/** Objects left behind by jobs that were deleted without them. */
export function Leftovers({ jobs }: { jobs: number | undefined }) {
  const place = usePlace();
  const queries = useQueryClient();
  const toast = useToast();
  const left = useLeftovers(jobs);
  const [busy, setBusy] = useState("");
  const remove = async (of: Leftover) => {
    setBusy(of.job);
    try {
      await unwrap(api.DELETE("/leftovers/{name}", { params: { path: { name: of.job }, query: place } }));
      toast(`Leftovers of job ${of.job} removed`);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "error");
    }
    setBusy("");
    await queries.invalidateQueries({ queryKey: key("leftovers", place) });
  };
  return left.data?.items.map((one) => (
    <div key={one.job} className="notes">
      <Message
        severity="warning"
        action={
          <button
            type="button"
            className="button inherit"
            aria-label={`Remove leftovers of ${one.job}`}
            disabled={busy !== ""}
            onClick={() => void remove(one)}
          >
            REMOVE
          </button>
        }
      >
        <div className="wrap">
          Job {one.job} was deleted, but these objects were left behind: {one.objects.join(", ")}.
        </div>
      </Message>
    </div>
  ));
}
