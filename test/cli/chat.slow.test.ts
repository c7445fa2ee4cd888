import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../src/cli/program.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { terminalIn } from "./terminal-stand-in.ts";

const KEY = "sk-test-0123456789abcdef";
const HOSTILE = "safe \u001b]0;title\u0007\u001b[2Jtext \u202eesrever";

let folder: string;
let embedded: RunningGateway;
let scripted: RunningGateway;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dolly-chat-"));
  writeFileSync(join(folder, "facts.txt"), "The tower is 330 metres high.");
  embedded = await startGateway();
  scripted = await startGateway({
    config: `version: 1
api_keys: [{ name: a, key: ${KEY} }]
models:
  hostile: { placements: [{ driver: fake, answers: [{ texts: [${JSON.stringify(HOSTILE)}] }] }] }
  slow: { placements: [{ driver: fake, tokens_per_second: 20 }] }
`,
  });
});
afterAll(async () => {
  await Promise.all([embedded.stop(), scripted.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

interface Typed {
  readonly input?: string;
  readonly lines?: string[];
  readonly onSignal?: (callback: (signal: "SIGINT") => void) => () => void;
}

async function dolly(argv: readonly string[], { input = "", lines, onSignal }: Typed = {}) {
  const terminal = terminalIn(folder, onSignal, input, lines);
  const status = await run([...argv], { terminal, drivers: [], templates: [] });
  return { status, printed: terminal.printed, noted: terminal.noted };
}

const tom = "Who wrote the novel Tom Jones in 1749";

describe("chat", () => {
  test("a question is answered, as words or by a pipe", async () => {
    const flags = ["--url", embedded.address, "--temperature", "0"];
    const asked = await dolly(["chat", ...flags, ...tom.split(" ")]);
    expect(asked).toMatchObject({ status: 0, noted: "" });
    expect(asked.printed).toContain("Henry Fielding");
    expect(
      await dolly(["chat", ...flags, "--model", "dolly-v2-tiny-onnx"], { input: `${tom}\n` }),
    ).toMatchObject({
      status: 0,
      printed: expect.stringContaining("Henry Fielding"),
    });
  });

  test("a conversation: documents, system text, the prompt, another model, and what is wrong is no end", async () => {
    const lines = [
      "/help",
      tom,
      "/prompt And when?",
      "/new",
      "/system Be brief.",
      "/documents facts.txt",
      "/prompt How high is it?",
      "/documents missing.txt",
      "/model none",
      "/model dolly-v2-tiny-onnx",
      "/nonsense",
      "/system",
      "/documents",
      "/new",
      tom,
      "/exit",
      "never read",
    ];
    const { status, printed, noted } = await dolly(
      ["chat", "--url", embedded.address, "--temperature", "0"],
      { lines },
    );
    expect(status).toBe(0);
    expect(lines).toEqual(["never read"]);
    expect(printed).toContain("/documents FILE");
    expect(printed).toMatch(/Henry Fielding[\s\S]*### Instruction:\n.*Tom Jones[\s\S]*And when\?/);
    expect(printed).toMatch(
      /### Instruction:\nBe brief\.\s+How high is it\?\n+Input:\nThe tower is 330 metres high\./,
    );
    expect(printed).toMatch(/\(\d+ tokens\)/);
    expect(printed.match(/^Henry Fielding/gm)).toHaveLength(3);
    expect(noted).toContain("missing.txt");
    expect(noted).toContain('there is no model "none"');
    expect(noted).toContain("/nonsense is not known");
  });

  test("what a model says moves no cursor, sets no title and turns no text", async () => {
    const flags = ["--url", scripted.address, "--api-key", KEY, "--model", "hostile"];
    const { printed } = await dolly(["chat", ...flags, "--temperature", "0", "hello"]);
    expect(printed).toBe("safe ]0;title[2Jtext esrever\n");
  });

  test("an interrupt ends an answer, and keeps what was said", async () => {
    let interrupt = (): void => {};
    const onSignal = (callback: (signal: "SIGINT") => void) => {
      interrupt = () => callback("SIGINT");
      setTimeout(() => interrupt(), 500);
      return () => {};
    };
    const flags = ["--url", scripted.address, "--api-key", KEY, "--model", "slow"];
    const { status, printed, noted } = await dolly(["chat", ...flags], {
      onSignal,
      lines: ["hello there", "/exit"],
    });
    expect(status).toBe(0);
    expect(noted).toContain("(stopped; Ctrl-C again leaves)");
    expect(printed.split("\n")[1]?.length).toBeGreaterThan(0);
    expect(printed.split("\n")[1]?.length).toBeLessThan(40);
  });

  test.each([
    [["--url", "http://127.0.0.1:9"], 1, /no gateway answers there; start one with: dolly serve/],
    [["--temperature", "warm"], 2, /--temperature: expected a number, found "warm"/],
  ])("%j is explained", async (flags, status, message) => {
    const asked = await dolly([
      "chat",
      ...(flags.includes("--url") ? [] : ["--url", embedded.address]),
      ...flags,
      "hello",
    ]);
    expect(asked.status).toBe(status);
    expect(asked.noted).toMatch(message);
  });

  test("a wrong key is explained", async () => {
    const { status, noted } = await dolly(["chat", "--url", scripted.address, "hello"]);
    expect(status).toBe(1);
    expect(noted).toMatch(/API key.*DOLLY_API_KEY/);
  });
});

test("models and ps show what is served and what it does, as a table and as JSON", async () => {
  const models = await dolly(["models", "--url", `${embedded.address}/v1`]);
  expect(models.printed).toMatch(
    /^MODEL +DRIVER +TYPE +CONTEXT +LICENCE\ndolly-v2-tiny +llama-cpp +f16 +1024 +CC-BY-SA-3\.0\n/,
  );
  const listed = await dolly(["models", "--url", embedded.address, "--json"]);
  expect(JSON.parse(listed.printed)).toHaveLength(2);
  const ps = await dolly(["ps", "--url", embedded.address]);
  expect(ps.printed).toMatch(/dolly-v2-tiny\/0 +llama-cpp +f16 +ready +0\/4 +0 +\d+ MB +0/);
  expect(JSON.parse((await dolly(["ps", "--url", embedded.address, "--json"])).printed)).toHaveLength(2);
});

const scriptAtHand = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

/** `dolly chat` at a pseudo-terminal, in place of the shell that starts it: a shell that waits would answer Ctrl-C itself. */
function atTerminal(flags: string) {
  const command = `exec ${process.execPath} bin/dolly.js chat ${flags}`;
  const child = spawn("script", ["-qfec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
  let seen = "";
  child.stdout.on("data", (data: Buffer) => {
    seen += data.toString();
  });
  return {
    ended: new Promise<number | null>((resolve) => child.once("exit", resolve)),
    shows: (what: RegExp | string) => expect.poll(() => seen, { timeout: 20_000 }).toMatch(what),
    types: (text: string) => child.stdin.write(text),
  };
}

describe.runIf(scriptAtHand)("at a real terminal", () => {
  test("an answer, Ctrl-C at the prompt, Ctrl-D", async () => {
    const { ended, shows, types } = atTerminal(`--url ${embedded.address} --temperature 0`);
    await shows(/Ctrl-D leaves[\s\S]*> /);
    types(`${tom}\r`);
    await shows(/Henry Fielding[\s\S]*> /);
    types("\u0003");
    await shows("again, or Ctrl-D, leaves");
    types("\u0004");
    expect(await ended).toBe(0);
  });

  test("Ctrl-C stops an answer, and again leaves", async () => {
    const { ended, shows, types } = atTerminal(`--url ${scripted.address} --api-key ${KEY} --model slow`);
    await shows(/Ctrl-D leaves[\s\S]*> /);
    types("one two three\r");
    await shows(/Below is/);
    types("\u0003");
    await shows(/\(stopped; Ctrl-C again leaves\)[\s\S]*> /);
    types("\u0003");
    expect(await ended).toBe(0);
  });

  test("Ctrl-C at the only question is no success", async () => {
    const { ended, shows, types } = atTerminal(
      `--url ${scripted.address} --api-key ${KEY} --model slow one two three`,
    );
    await shows(/Below is/);
    types("\u0003");
    await shows("dolly: SIGINT: stopped");
    expect(await ended).toBe(1);
  });
});

test("where no gateway runs, a conversation brings its own", async () => {
  const asked = spawnSync(
    process.execPath,
    ["bin/dolly.js", "chat", "--config", "config/dolly.yaml", "--temperature", "0", tom],
    {
      encoding: "utf8",
      env: { ...process.env, DOLLY_CACHE: process.env["DOLLY_TEST_CACHE"] ?? join(folder, "cache") },
    },
  );
  expect(asked.stdout).toContain("Henry Fielding");
  expect(asked.status).toBe(0);
});
