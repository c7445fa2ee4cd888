import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertToGguf } from "../../drivers/llama-cpp/convert.ts";
import {
  lastingPort,
  llamaServer,
  ownGateway,
  type RunningEngine,
  vllm,
} from "../drivers/openai/own-engines.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

/**
 * One model with five placements: a dead engine, llama-server, vLLM, and both local drivers. Where `DOLLY_TEST_LLAMA_SERVER` and
 * `DOLLY_TEST_VLLM_PROGRAM` name the programs, those are the real ones; without them this gateway stands in for them.
 */
const programs = {
  llamaServer: process.env["DOLLY_TEST_LLAMA_SERVER"],
  vllm: process.env["DOLLY_TEST_VLLM_PROGRAM"],
};
/** vLLM takes minutes to start. */
const PATIENCE_MS = programs.vllm === undefined ? 120_000 : 900_000;

const NOBODY = "http://127.0.0.1:9/v1";
const QUESTION = "How many NBA basketball teams are in California?";

/** Ids of the control tokens that end an answer. */
const ends: readonly number[] = JSON.parse(
  readFileSync(join(embeddedModel, "tokenizer.json"), "utf8"),
).added_tokens.flatMap(({ id, content }: { id: number; content: string }) =>
  ["<|endoftext|>", "### End"].includes(content) ? [id] : [],
);

const scratch = mkdtempSync(join(tmpdir(), "dolly-fleet-"));
let front: RunningGateway;
let client: OpenAI;
/** The engines that others run, by their placement. */
const engines = new Map<string, RunningEngine>();
const ports = new Map<string, number>();
const starts = () => {
  const file = join(scratch, "tiny.gguf");
  return new Map([
    ["fleet/1", programs.llamaServer === undefined ? ownGateway : llamaServer(programs.llamaServer, file)],
    ["fleet/2", programs.vllm === undefined ? ownGateway : vllm(programs.vllm)],
  ]);
};

async function startEngine(placement: string): Promise<void> {
  const port = ports.get(placement) ?? (await lastingPort());
  ports.set(placement, port);
  const engine = await starts().get(placement)?.(port);
  if (engine !== undefined) engines.set(placement, engine);
}

const upstream = (base: string) =>
  `{ driver: openai, api_base: "${base}", tokenizer: "${embeddedModel}", connect_timeout: 1 }`;
const local = (driver: string) => `{ driver: ${driver}, model: "${embeddedModel}", type: f32, threads: 1 }`;

beforeAll(async () => {
  await convertToGguf({ source: embeddedModel, type: "f32", output: join(scratch, "tiny.gguf") });
  await Promise.all(["fleet/1", "fleet/2"].map(startEngine));
  const others = ["fleet/1", "fleet/2"].map((id) => upstream(engines.get(id)?.base ?? ""));
  front = await startGateway({
    config: `version: 1
router_settings: { cooldown_time: 1, allowed_fails: 1, health_check_interval: 1 }
models:
  fleet:
    template: dolly-v2
    placements: [${[upstream(NOBODY), ...others, local("onnx"), local("llama-cpp")].join(", ")}]
`,
  });
  client = front.client();
}, PATIENCE_MS);
afterAll(async () => {
  await front?.stop();
  await Promise.all([...engines.values()].map((engine) => engine.kill()));
  rmSync(scratch, { recursive: true, force: true });
});

async function ask() {
  const { data, response } = await client.chat.completions
    .create({
      model: "fleet",
      max_tokens: 60,
      temperature: 0,
      messages: [{ role: "user", content: QUESTION }],
    })
    .withResponse();
  return {
    text: data.choices[0]?.message.content,
    placement: response.headers.get("x-gateway-placement"),
    attempts: response.headers.get("x-gateway-attempts"),
  };
}

/** Calls `kill` in the middle of an answer that would go on for long; gives its placement and what became of it. */
async function killedInMidStream(kill: () => Promise<void> | void) {
  const { data: stream, response } = await client.chat.completions
    .create({
      model: "fleet",
      messages: [{ role: "user", content: QUESTION }],
      max_tokens: 700,
      // Neither of the ends, so that it does not end by itself.
      logit_bias: Object.fromEntries(ends.map((id) => [id, -100])),
      stream: true,
    })
    .withResponse();
  let pieces = 0;
  const failure: unknown = await (async () => {
    for await (const _ of stream) {
      pieces += 1;
      if (pieces === 5) await kill();
    }
  })().catch((error: unknown) => error);
  return { placement: response.headers.get("x-gateway-placement"), begun: pieces >= 5, failure };
}

const placementNow = async () => (await ask()).placement;

test(
  "the right one answers, others take over what is killed, and each is used again when it is back",
  async () => {
    const first = await ask();
    expect(first).toMatchObject({
      placement: "fleet/1",
      attempts: expect.stringMatching(/^fleet\/0;error=model_load_failed, fleet\/1$/),
    });
    expect(first.text).toMatch(/^[A-Z].{10,}/);

    // An engine elsewhere, then the next one.
    for (const [placement, next] of [
      ["fleet/1", "fleet/2"],
      ["fleet/2", "fleet/3"],
    ] as const) {
      const killed = await killedInMidStream(() => engines.get(placement)?.kill());
      expect(killed).toMatchObject({ placement, begun: true, failure: { code: "engine_crashed" } });
      for (let at = 0; at < 3; at += 1)
        expect(await ask()).toMatchObject({ placement: next, text: first.text });
    }

    // A local one: its process is started again by itself.
    const engine = front.enginePids();
    expect(engine).toHaveLength(1);
    const killed = await killedInMidStream(() => {
      for (const pid of engine) process.kill(pid, "SIGKILL");
    });
    expect(killed).toMatchObject({ placement: "fleet/3", begun: true, failure: { code: "engine_crashed" } });
    expect(await ask()).toMatchObject({ placement: "fleet/4", text: first.text });
    await expect.poll(placementNow, { timeout: 90_000 }).toBe("fleet/3");

    for (const placement of ["fleet/2", "fleet/1"]) {
      await startEngine(placement);
      // What was away for long rests for a minute at most.
      await expect.poll(placementNow, { timeout: 90_000 }).toBe(placement);
      expect(await ask()).toMatchObject({ placement, text: first.text });
    }
  },
  PATIENCE_MS,
);
