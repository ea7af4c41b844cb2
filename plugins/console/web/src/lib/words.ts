/** A command line that can't be split into words. */
export class UnfinishedCommand extends Error {}

/** Splits a command into words as a shell does, without expanding anything in it. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quote === "'") {
      if (c === "'") quote = "";
      else word += c;
    } else if (quote === '"') {
      if (c === '"') quote = "";
      else if (c === "\\" && '"\\$`\n'.includes(line[i + 1] ?? " ")) {
        i++;
        if (line[i] !== "\n") word += line[i]!;
      } else word += c;
    } else if (c === "'" || c === '"') {
      quote = c;
      word ??= "";
    } else if (c === "\\") {
      if (++i >= line.length) throw new UnfinishedCommand("The command ends with a “\\”");
      if (line[i] !== "\n") word = (word ?? "") + line[i]!;
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  if (quote) throw new UnfinishedCommand(`Missing closing ${quote}`);
  if (word !== undefined) words.push(word);
  return words;
}

/** Joins words, quoted for a shell and for splitWords. */
export function joinWords(words: string[]): string {
  return words
    .map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}
