import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Leftover } from "../../api/client";
import { key, useLeftovers } from "../../api/queries";
import { usePlace } from "../../app/place";
import { useToast } from "../../app/toasts";
import { Message } from "../feedback/Message";

/** What is left of jobs that somebody deleted without it. */
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
      toast(`What was left of job ${of.job} is removed`);
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
            aria-label={`Remove what is left of ${one.job}`}
            disabled={busy !== ""}
            onClick={() => void remove(one)}
          >
            REMOVE
          </button>
        }
      >
        <div className="wrap">
          Job {one.job} was deleted, and what it had was left: {one.objects.join(", ")}.
        </div>
      </Message>
    </div>
  ));
}
