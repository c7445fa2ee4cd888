import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { APIError } from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const question = [{ role: "user" as const, content: "What is the capital of Texas?" }];
const answerText = "Austin is the capital of Texas";

let scratch: string;
const running: RunningGateway[] = [];
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "dolly-faults-"));
});
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

async function start(...args: Parameters<typeof startGateway>): Promise<RunningGateway> {
  const gateway = await startGateway(...args);
  running.push(gateway);
  return gateway;
}

const ask = async (gateway: RunningGateway): Promise<string | null | undefined> => {
  const answer = await gateway
    .client()
    .chat.completions.create({ model: "dolly-v2-tiny", temperature: 0, messages: question });
  return answer.choices[0]?.message.content;
};

/** A long stream: the end token is forbidden, so that it runs until the context is full. */
const longStream = (gateway: RunningGateway) =>
  gateway.client().chat.completions.create({
    model: "dolly-v2-tiny",
    temperature: 0,
    max_tokens: 900,
    stream: true,
    logit_bias: { "6141": -100, "0": -100 },
    messages: question,
  });

interface Ended {
  status: number | string | null | undefined;
  output: string;
}

/** Runs `dolly` to its end. */
const dolly = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(checkout, "bin", "dolly.js"), ...args],
      { env: { ...process.env, DOLLY_CACHE: join(scratch, "cache"), ...env }, timeout: 30_000 },
      (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });

test("a killed engine ends its stream with an error, and the next request is answered", async () => {
  const gateway = await start({ args: [embeddedModel] });
  expect(await ask(gateway)).toBe(answerText);
  const stream = await longStream(gateway);
  let chunks = 0;
  const reading = async () => {
    for await (const _ of stream) {
      chunks += 1;
      if (chunks === 3) for (const pid of gateway.enginePids()) process.kill(pid, "SIGKILL");
    }
  };
  const failure = await reading().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(APIError);
  expect(failure).toMatchObject({ code: "engine_crashed", type: "server_error" });
  expect(await ask(gateway)).toBe(answerText);
  expect(gateway.process.exitCode).toBeNull();
});

test("engines end when the gateway is killed", async () => {
  const gateway = await start({ args: [embeddedModel] });
  expect(await ask(gateway)).toBe(answerText);
  const pids = gateway.enginePids();
  expect(pids).toHaveLength(1);
  await gateway.stop("SIGKILL");
  const alive = () =>
    pids.filter((pid) => {
      try {
        process.kill(pid, 0);
        return true;
      } catch {
        return false;
      }
    });
  await expect.poll(alive, { timeout: 5_000 }).toEqual([]);
});

test("SIGTERM lets a running stream finish, refuses new requests and ends with status 0", async () => {
  const gateway = await start({ args: [embeddedModel] });
  const stream = await longStream(gateway);
  let chunks = 0;
  let refused: unknown;
  let finish: string | null = null;
  let ended: Promise<number | null> | undefined;
  for await (const chunk of stream) {
    chunks += 1;
    if (chunks === 3) {
      ended = gateway.stop("SIGTERM");
      await expect.poll(() => gateway.output()).toContain("stopping: running requests");
      refused = await gateway
        .client()
        .models.list()
        .then(
          () => "answered",
          (error: unknown) => error,
        );
    }
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  expect(chunks).toBeGreaterThan(100);
  expect(finish).toBe("length");
  expect(refused).toMatchObject({ status: 503, code: "shutting_down" });
  expect(await ended).toBe(0);
});

test("a client that leaves frees its slot at once", async () => {
  const gateway = await start({
    config: `models: { dolly-v2-tiny: { placements: [{ driver: llama-cpp, model: ${embeddedModel}, parallel: 1 }] } }`,
  });
  for (let round = 0; round < 5; round += 1) {
    const stream = await longStream(gateway);
    for await (const _ of stream) break;
    const abort = new AbortController();
    const unread = gateway.client().chat.completions.create(
      {
        model: "dolly-v2-tiny",
        temperature: 0,
        max_tokens: 900,
        logit_bias: { "6141": -100, "0": -100 },
        messages: question,
      },
      { signal: abort.signal },
    );
    setImmediate(() => abort.abort());
    await expect(unread).rejects.toThrow();
  }
  expect(await ask(gateway)).toBe(answerText);
});

test("two gateways that start at once on an empty cache both answer, and a damaged entry is made again", async () => {
  const env = { DOLLY_CACHE: join(scratch, "cache") };
  const both = await Promise.all([
    start({ args: [embeddedModel], env }),
    start({ args: [embeddedModel], env }),
  ]);
  expect(await Promise.all(both.map(ask))).toEqual([answerText, answerText]);
  for (const gateway of both) expect(await gateway.stop()).toBe(0);

  const converted = readdirSync(env.DOLLY_CACHE, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".gguf"))
    .map((name) => join(env.DOLLY_CACHE, name));
  expect(converted).toHaveLength(1);
  const [file = ""] = converted;
  const { size } = statSync(file);
  truncateSync(file, size - 4096);
  const again = await start({ args: [embeddedModel], env });
  expect(await ask(again)).toBe(answerText);
  expect(statSync(file).size).toBe(size);
});

test("a busy port, a wrong config and a damaged checkpoint are told in a way that a stranger can act on", async () => {
  const holder = createServer();
  const port = await new Promise<number>((resolve) => {
    holder.listen(0, "127.0.0.1", () => {
      const at = holder.address();
      resolve(at !== null && typeof at === "object" ? at.port : 0);
    });
  });
  const busy = await dolly(["serve", "--port", String(port)]);
  holder.close();
  expect(busy.status).toBe(1);
  expect(busy.output).toContain(String(port));
  expect(busy.output).toMatch(/in use/);

  const file = join(scratch, "wrong.yaml");
  writeFileSync(
    file,
    "models:\n  tiny:\n    placements:\n      - driver: llama-cpp\n        model: x\n        parralel: 2\n",
  );
  const wrong = await dolly(["config", "check", file]);
  expect(wrong.status).toBe(2);
  expect(wrong.output).toMatch(/wrong\.yaml:6:9.*models\.tiny\.placements\[0\]\.parralel.*"?parallel"?/s);

  const damaged = join(scratch, "damaged");
  cpSync(embeddedModel, damaged, { recursive: true });
  truncateSync(join(damaged, "model.safetensors"), 1_000_000);
  const corrupt = await dolly(["convert", damaged, "--to", "gguf", "--output", join(scratch, "out.gguf")]);
  expect(corrupt.status).toBe(1);
  expect(corrupt.output).toMatch(/model\.safetensors/);
  expect(corrupt.output).not.toMatch(/\n\s+at /);
  expect(readdirSync(scratch).filter((name) => name.includes("out.gguf"))).toEqual([]);
});
