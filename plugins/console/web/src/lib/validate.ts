/** What is wrong with an input, as a sentence for its field, or undefined. The server
 *  checks all of it again: this only says it while one types. */
export type Complaint = string | undefined;

export const maxValueBytes = 1_048_576;

export function checkKey(key: string): Complaint {
  if (key === "") return "Enter a key";
  if (key.length > 253) return `A key can have at most 253 characters; this one has ${key.length}`;
  if (!/^[A-Za-z0-9_.-]+$/.test(key)) return "Use letters, digits, “_”, “-” and “.”";
  if (key === "." || key.startsWith("..")) return "A key must not be “.” or start with “..”";
  return undefined;
}

export function checkValueSize(bytes: number): Complaint {
  const count = (n: number) => n.toLocaleString("en");
  if (bytes > maxValueBytes)
    return `A value can have at most ${count(maxValueBytes)} bytes; this one has ${count(bytes)}`;
  return undefined;
}

export function checkVariable(name: string): Complaint {
  if (name === "") return "Enter a variable name";
  if (!/^[ -<>-~]+$/.test(name)) return "Use printable ASCII characters other than “=”";
  return undefined;
}

export function checkPath(path: string): Complaint {
  if (path === "") return "Enter a path";
  if (!path.startsWith("/")) return "The path must start with “/”";
  if (path.includes(":")) return "The path must not contain “:”";
  if (/\/{2,}|(^|\/)\.\.?(\/|$)/.test(path)) return "The path must not contain “//”, “/.” or “/..”";
  if (path.endsWith("/")) return "The path must end with a file name";
  return undefined;
}

export function checkFileMode(mode: string): Complaint {
  if (mode !== "" && (!/^0?[0-7]{3}$/.test(mode) || Number(mode) === 0))
    return "Use three or four octal digits, such as 0400";
  return undefined;
}

export function checkMountPath(path: string): Complaint {
  return path.length > 1 && path.endsWith("/") ? checkPath(path.slice(0, -1)) : checkPath(path);
}

export function checkJobName(name: string): Complaint {
  if (name === "") return undefined;
  if (name.length > 63) return `A name can have at most 63 characters; this one has ${name.length}`;
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name))
    return "Use lowercase letters, digits and “-”; start and end with a letter or digit";
  return undefined;
}

export function checkNamespace(name: string): Complaint {
  return name === "" ? "Enter a namespace" : checkJobName(name);
}

export function checkGrantee(name: string): Complaint {
  if (name === "") return "Enter a user, group:NAME or sa:NAMESPACE:NAME";
  if (name.startsWith("group:") && name.length === 6) return "Enter a group name after “group:”";
  if (name.startsWith("sa:") && !/^sa:[^:]+:[^:]+$/.test(name)) return "Enter a service account as sa:NAMESPACE:NAME";
  return undefined;
}
