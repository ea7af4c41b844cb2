import { describe, expect, it } from "vitest";
import type { Job, Secret } from "../api/client";
import { tokenOf } from "../app/link";
import { toBase64 } from "./base64";
import { applyFrame, filterJobs } from "./jobList";
import { LogBuffer, readable, search } from "./logBuffer";
import { checkForm, formField, type RunForm, toNewJob } from "./runForm";
import { shownSecrets } from "./secretList";
import { ago, formatDuration } from "./time";
import {
  checkFileMode,
  checkGrantee,
  checkJobName,
  checkKey,
  checkMountPath,
  checkPath,
  checkValueSize,
  checkVariable,
} from "./validate";
import { joinWords, splitWords } from "./words";

describe("input", () => {
  it.each(["a", "secret-password", ".env", "A_b.c-1", "a".repeat(253)])("takes the key %s", (key) =>
    expect(checkKey(key)).toBeUndefined(),
  );
  it.each(["", ".", "..", "..a", "a b", "ä", "a/b", "a".repeat(254), "<img>"])("refuses the key %j", (key) =>
    expect(checkKey(key)).toBeTruthy(),
  );
  it.each(["var1", "_X", "a.b-c", "1a", "a b", "ConnectionStrings:Default"])("takes the variable %s", (name) =>
    expect(checkVariable(name)).toBeUndefined(),
  );
  it.each(["", "a=b", "é", "a\tb"])("refuses the variable %j", (name) => expect(checkVariable(name)).toBeTruthy());
  it.each(["/a", "/var/secrets/key.json", "/a/.hidden"])("takes the path %s", (path) =>
    expect(checkPath(path)).toBeUndefined(),
  );
  it.each(["", "a", "/", "/a/", "/a//b", "/a/../b", "/a:b", "/.."])("refuses the path %j", (path) =>
    expect(checkPath(path)).toBeTruthy(),
  );
  it.each(["", "400", "0400", "0644", "777"])("takes the mode %j", (mode) =>
    expect(checkFileMode(mode)).toBeUndefined(),
  );
  it.each(["0", "000", "0000", "44", "1777", "888", "u=r", "04000"])("refuses the mode %j", (mode) =>
    expect(checkFileMode(mode)).toBeTruthy(),
  );
  it("takes a folder to mount with or without its last slash", () => {
    expect(checkMountPath("/var/storage/")).toBeUndefined();
    expect(checkMountPath("/")).toBeTruthy();
  });
  it.each(["", "a", "a-1"])("takes the name of a job %j", (name) => expect(checkJobName(name)).toBeUndefined());
  it.each(["-a", "a-", "A", "a.b", "a".repeat(64)])("refuses the name of a job %j", (name) =>
    expect(checkJobName(name)).toBeTruthy(),
  );
  it.each(["bob", "group:devs", "sa:ns:name", "system:serviceaccount:ns:name"])("takes the grantee %s", (name) =>
    expect(checkGrantee(name)).toBeUndefined(),
  );
  it.each(["", "group:", "sa:ns", "sa::x"])("refuses the grantee %j", (name) =>
    expect(checkGrantee(name)).toBeTruthy(),
  );
  it("bounds values at 1 MiB", () => {
    expect(checkValueSize(1_048_576)).toBeUndefined();
    expect(checkValueSize(1_048_577)).toMatch("1,048,577");
  });
});

describe("commands", () => {
  it.each([
    ["", []],
    ["python train.py  --epochs 3", ["python", "train.py", "--epochs", "3"]],
    [`sh -c 'echo "$x"'`, ["sh", "-c", `echo "$x"`]],
    [`a "" ''`, ["a", "", ""]],
    [String.raw`a\ b "c\"d" "e\f"`, ["a b", `c"d`, String.raw`e\f`]],
    ["a\\\nb", ["ab"]],
    [`a'b'"c"d`, ["abcd"]],
  ])("splits %j", (line, words) => expect(splitWords(line)).toEqual(words));
  it.each(["'a", `"a`, "a\\"])("refuses %j", (line) => expect(() => splitWords(line)).toThrow());
  it.each([[["a", "", "it's", "$x; rm", 'say "hi"', "\\"]], [["new\nline", "ünicode", "*"]]])(
    "reads %j again as it was",
    (words) => expect(splitWords(joinWords(words))).toEqual(words),
  );
});

const form: RunForm = {
  preset: "cpu-small",
  image: " busybox:1 ",
  command: "sh -c 'true'",
  terminal: false,
  name: "",
  secrets: [
    { id: 7, kind: "file", secret: "secret:a", variable: "", path: "/s/a", mode: "" },
    { id: 8, kind: "environment", secret: "secret:/ns/b", variable: "B", path: "", mode: "" },
  ],
  volumes: [{ id: 9, kind: "storage", source: "", path: "/var/storage", readOnly: true }],
};

describe("the run dialog", () => {
  it("makes the request", () => {
    expect(checkForm(form)).toEqual({});
    expect(toNewJob(form)).toEqual({
      name: undefined,
      preset: "cpu-small",
      image: "busybox:1",
      command: ["sh", "-c", "true"],
      terminal: false,
      environment: [{ name: "B", secret: "secret:/ns/b" }],
      files: [{ path: "/s/a", secret: "secret:a" }],
      volumes: [{ kind: "storage", source: "", path: "/var/storage", readOnly: true }],
    });
  });
  it("sends the mode of a file if there is one", () => {
    const withMode = (mode: string) => ({ ...form, secrets: [{ ...form.secrets[0]!, mode }] });
    expect(toNewJob(withMode("0400")).files).toEqual([{ path: "/s/a", secret: "secret:a", mode: "0400" }]);
    expect(Object.keys(checkForm(withMode("9")))).toEqual(["secret.7.mode"]);
    expect(formField(withMode("0400"), "files[0].mode")).toBe("secret.7.mode");
  });
  it("reports a complaint for each field", () => {
    const twice = { ...form.secrets[1]!, id: 10 };
    expect(
      Object.keys(
        checkForm({
          ...form,
          preset: "",
          image: " ",
          name: "A",
          command: "'",
          secrets: [{ ...form.secrets[0]!, secret: "", path: "x" }, form.secrets[1]!, twice],
          volumes: [
            { ...form.volumes[0]!, kind: "disk", path: "/a" },
            { ...form.volumes[0]!, id: 11, path: "/a/" },
          ],
        }),
      ).sort(),
    ).toEqual(
      [
        "command",
        "image",
        "name",
        "preset",
        "secret.10.variable",
        "secret.7.path",
        "secret.7.secret",
        "volume.11.path",
        "volume.9.source",
      ].sort(),
    );
  });
  it.each([
    ["environment[0].name", "secret.8.variable"],
    ["environment[0].secret", "secret.8.secret"],
    ["files[0].path", "secret.7.path"],
    ["volumes[0].source", "volume.9.source"],
    ["image", "image"],
    ["files[5].path", "files[5].path"],
  ])("finds the field that the server calls %s", (server, here) => expect(formField(form, server)).toBe(here));
});

const job = (name: string, more: Partial<Job> = {}): Job => ({
  name,
  uid: name,
  status: "running",
  reason: "",
  message: "",
  created: "2026-01-01T00:00:00Z",
  image: "busybox:1",
  command: ["sh"],
  tags: [],
  terminal: false,
  ...more,
});

describe("jobs", () => {
  it("follow the server's messages, newest first", () => {
    let jobs = applyFrame(undefined, {
      type: "list",
      items: [job("a"), job("b", { created: "2026-01-02T00:00:00Z" })],
    });
    jobs = applyFrame(jobs, { type: "set", job: job("c", { created: "2026-01-03T00:00:00Z" }) });
    jobs = applyFrame(jobs, { type: "set", job: job("a", { status: "failed" }) });
    jobs = applyFrame(jobs, { type: "delete", name: "b", uid: "b" });
    jobs = applyFrame(jobs, { type: "trouble", error: "x" });
    expect(jobs?.map((one) => [one.name, one.status])).toEqual([
      ["c", "running"],
      ["a", "failed"],
    ]);
  });
  it("are filtered by status and words", () => {
    const jobs = [
      job("train"),
      job("eval", { status: "succeeded" }),
      job("wait", { status: "pending", reason: "ImagePullBackOff" }),
    ];
    const names = (...filter: [Parameters<typeof filterJobs>[1], string]) =>
      filterJobs(jobs, ...filter).map((one) => one.name);
    expect(names("active", "")).toEqual(["train", "wait"]);
    expect(names("succeeded", "")).toEqual(["eval"]);
    expect(names("all", "BUSYBOX imagepull")).toEqual(["wait"]);
  });
});

describe("secrets", () => {
  const secret = (key: string, created: string): Secret => ({ key, uri: key, created, shared: false, usedBy: [] });
  const all = [
    secret("b", "2026-01-01T00:00:00Z"),
    secret("a", "2026-01-02T00:00:00Z"),
    secret("AB", "2026-01-03T00:00:00Z"),
  ];
  const keys = (...rest: [string, Parameters<typeof shownSecrets>[2], string]) =>
    shownSecrets(all, ...rest).map((one) => one.key);
  it("are searched and sorted, the new one first", () => {
    expect(keys("", { by: "key", down: false }, "")).toEqual(["AB", "a", "b"]);
    expect(keys("", { by: "created", down: true }, "")).toEqual(["AB", "a", "b"]);
    expect(keys("A", { by: "key", down: true }, "")).toEqual(["a", "AB"]);
    expect(keys("", { by: "key", down: false }, "b")).toEqual(["b", "AB", "a"]);
  });
  it("are encoded as their bytes", () => {
    expect(toBase64(new TextEncoder().encode("p@$$w0rd123"))).toBe("cEAkJHcwcmQxMjM=");
    expect(atob(toBase64(new Uint8Array(100_000).fill(255)))).toHaveLength(100_000);
  });
});

describe("logs", () => {
  it("arrive in chunks", () => {
    const log = new LogBuffer(3);
    for (const part of ["one\ntw", "o\nthree", "\n", "four\nfi", "ve"]) log.append(part);
    expect(log.lines).toEqual(["three", "four", "five"]);
    expect(log.dropped).toBe(2);
    log.clear();
    expect(log.lines).toEqual([]);
  });
  it.each([
    ["\x1b[31mred\x1b[0m", "red"],
    ["\x1b]0;title\x07text", "text"],
    ["\x1b]52;c;aGk=\x1b\\text", "text"],
    [" 10%\r 50%\r100%", "100%"],
    ["dos\r", "dos"],
    ["a\tb", "a    b"],
    ["\u202eevil", "evil"],
    ["a\x00b\x9bc", "abc"],
  ])("show %j as %j", (line, shown) => expect(readable(line)).toBe(shown));
  it("cut endless lines", () => {
    const log = new LogBuffer(10, 100);
    for (let i = 0; i < 100; i++) log.append("x".repeat(50));
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]!.length).toBeLessThan(250);
  });
  it("are searched", () => expect(search(["Error", "fine", "an error"], "ERROR")).toEqual([0, 2]));
});

describe("times", () => {
  const at = "2026-01-01T00:00:00Z";
  const plus = (seconds: number) => Date.parse(at) + seconds * 1000;
  it.each([
    [3, "just now"],
    [45, "45 seconds ago"],
    [61, "1 minute ago"],
    [7_200, "2 hours ago"],
    [200_000, "2 days ago"],
  ])("%d s: %s", (seconds, text) => expect(ago(at, plus(seconds))).toBe(text));
  it.each([
    [0, "0 s"],
    [61, "1 min 1 s"],
    [7_500, "2 h 5 min"],
    [90_000, "1 d 1 h"],
  ])("%d s: %s", (seconds, text) => expect(formatDuration(at, plus(seconds))).toBe(text));
});

it.each([
  ["http://127.0.0.1:1/#token=AB", "AB"],
  [" AB ", "AB"],
  ["#x=1&token=A%20B", "A B"],
  ["", ""],
])("takes the token out of %j", (pasted, token) => expect(tokenOf(pasted)).toBe(token));
