import Tooltip from "@mui/material/Tooltip";
import { useEffect, useState } from "react";

const delay = 400;

/** Shows what the attribute data-tip of an element says, when the pointer rests on it or the keyboard comes to it: one
 *  tooltip for all of the page, instead of one for each button of each row. */
export default function Tips() {
  const [shown, setShown] = useState<{ anchor: Element; text: string }>();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let at: Element | undefined;
    const hide = () => {
      clearTimeout(timer);
      at = undefined;
      setOpen(false);
    };
    const show = (anchor: Element, wait: number) => {
      clearTimeout(timer);
      at = anchor;
      timer = setTimeout(() => {
        if (!anchor.isConnected) return;
        setShown({ anchor, text: anchor.getAttribute("data-tip") ?? "" });
        setOpen(true);
      }, wait);
    };
    const under = (event: Event) => (event.target instanceof Element ? event.target.closest("[data-tip]") : null);
    const over = (event: PointerEvent) => {
      const anchor = under(event);
      if (anchor === at) return;
      if (!anchor) hide();
      else if (event.pointerType !== "touch") show(anchor, delay);
    };
    const focus = (event: FocusEvent) => {
      const anchor = under(event);
      if (anchor?.matches(":focus-visible")) show(anchor, 0);
      else hide();
    };
    const listeners: [string, (event: never) => void][] = [
      ["pointerover", over],
      ["focusin", focus],
      ["focusout", hide],
      ["pointerdown", hide],
      ["scroll", hide],
      ["keydown", (event: KeyboardEvent) => event.key === "Escape" && hide()],
    ];
    for (const [name, listener] of listeners)
      document.addEventListener(name, listener as EventListener, { capture: true, passive: true });
    document.documentElement.addEventListener("pointerleave", hide);
    return () => {
      clearTimeout(timer);
      for (const [name, listener] of listeners)
        document.removeEventListener(name, listener as EventListener, { capture: true });
      document.documentElement.removeEventListener("pointerleave", hide);
    };
  }, []);
  // The element may have been removed while its tooltip was open.
  if (!shown?.anchor.isConnected) return null;
  return (
    <Tooltip
      open={open}
      title={shown.text}
      arrow
      disableInteractive
      slotProps={{ popper: { anchorEl: shown.anchor as HTMLElement } }}
    >
      <span aria-hidden hidden />
    </Tooltip>
  );
}
