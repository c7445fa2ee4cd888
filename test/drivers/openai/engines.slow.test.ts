import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { freePort } from "../../../bench/free-port.ts";
import { convertToGguf } from "../../../drivers/llama-cpp/convert.ts";
import { openai } from "../../../drivers/openai/index.ts";
import { type DriverExam, driverContract } from "../../contract/driver-contract.ts";
import { embeddedModel, golden } from "../../golden-data.ts";
import { driverFixture } from "../local/driver-fixture.ts";

/**
 * The driver exam with other people's engines. `DOLLY_TEST_LLAMA_SERVER` names the program llama-server; `DOLLY_TEST_VLLM` is the API's
 * base of a vLLM that serves models/dolly-v2-tiny in float32.
 */
const llamaServer = process.env["DOLLY_TEST_LLAMA_SERVER"];
const vllm = process.env["DOLLY_TEST_VLLM"];

const { loadContext, removeCache } = driverFixture(openai);
afterAll(removeCache);

interface Case {
  readonly instruction: string;
  readonly context: string | null;
  readonly first_tie: number | null;
}

const exam = (base: () => string, skip: DriverExam["skip"] = []): DriverExam => ({
  load: () =>
    openai
      .bind({ api_base: base(), tokenizer: embeddedModel, parallel: 2 })
      .load(loadContext(), new AbortController().signal),
  question: "How many NBA basketball teams are in California?",
  sure: golden<{ cases: Case[] }>("dolly-v2-tiny.json")
    .cases.filter(({ context, first_tie }) => context === null && first_tie === null)
    .map(({ instruction }) => instruction),
  stop: "Los Angeles",
  skip,
});

describe.runIf(llamaServer !== undefined)("llama-server", () => {
  const scratch = mkdtempSync(join(tmpdir(), "llama-server-"));
  let base = "";
  let stop: () => Promise<void> = async () => {};

  beforeAll(async () => {
    const file = join(scratch, "tiny.gguf");
    await convertToGguf({ source: embeddedModel, type: "f32", output: file });
    const port = await freePort();
    const args = [
      "--model",
      file,
      "--port",
      String(port),
      "--parallel",
      "2",
      "--ctx-size",
      "2048",
      "--threads",
      "1",
    ];
    const child = spawn(llamaServer ?? "", args, { stdio: "ignore" });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    stop = async () => {
      child.kill("SIGKILL");
      await ended;
    };
    base = `http://127.0.0.1:${port}/v1`;
    await answering(`http://127.0.0.1:${port}/health`);
  }, 60_000);
  afterAll(async () => {
    await stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  driverContract(
    "openai, with llama-server as its engine",
    exam(
      () => base,
      [
        {
          test: "maxTokens 0 only scores the prompt",
          reason: "llama-server tells no log-probabilities of a prompt",
        },
      ],
    ),
  );
});

describe.runIf(vllm !== undefined)("vLLM", () => {
  driverContract(
    "openai, with vLLM as its engine",
    exam(() => vllm ?? ""),
  );
});

async function answering(url: string): Promise<void> {
  for (;;) {
    const ready = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
