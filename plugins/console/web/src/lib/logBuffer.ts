const escapes = new RegExp(
  [
    // Escape sequences: CSI, OSC and the other strings, and single ones.
    String.raw`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])`,
    // Control characters.
    String.raw`[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]`,
    // What changes the direction of text.
    String.raw`[\u202a-\u202e\u2066-\u2069]`,
  ].join("|"),
  "g",
);

/** A line as it stands at the end: without control sequences, and after a carriage return what
 *  follows it, as a progress bar means it. */
export function readable(line: string): string {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  const last = text.slice(text.lastIndexOf("\r") + 1);
  return last.replace(escapes, "").replaceAll("\t", "    ");
}

/** The last lines of a log that arrives in chunks. */
export class LogBuffer {
  /** All complete lines, then the incomplete last line unless it is empty. */
  lines: string[] = [];
  /** How many lines were dropped at the beginning. */
  dropped = 0;
  private rest = "";
  private hasRest = false;

  constructor(
    readonly maxLines = 50_000,
    readonly maxLineLength = 10_000,
  ) {}

  append(data: string): void {
    const parts = (this.rest + data).split("\n");
    const rest = parts.pop() ?? "";
    if (this.hasRest) this.lines.pop();
    for (const part of parts) this.lines.push(this.shown(part));
    this.rest = rest.length > 4 * this.maxLineLength ? rest.slice(0, this.maxLineLength) : rest;
    this.hasRest = rest !== "";
    if (this.hasRest) this.lines.push(this.shown(rest));
    const over = this.lines.length - this.maxLines;
    if (over > 0) {
      this.lines.splice(0, over);
      this.dropped += over;
    }
  }

  clear(): void {
    this.lines = [];
    this.dropped = 0;
    this.rest = "";
    this.hasRest = false;
  }

  private shown(line: string): string {
    const text = readable(line);
    const over = text.length - this.maxLineLength;
    if (over <= 0) return text;
    return `${text.slice(0, this.maxLineLength)} … (${over} more characters; download the log to see them)`;
  }
}

/** The indices of the lines that contain a text, ignoring case. */
export function search(lines: string[], text: string): number[] {
  if (text === "") return [];
  const wanted = text.toLowerCase();
  const found: number[] = [];
  lines.forEach((line, i) => {
    if (line.toLowerCase().includes(wanted)) found.push(i);
  });
  return found;
}
