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
import { llamaServer, type RunningEngine } from "./own-engines.ts";

/**
 * The driver exam with other people's engines. `DOLLY_TEST_LLAMA_SERVER` names the program llama-server; `DOLLY_TEST_VLLM` is the API's
 * base of a vLLM that serves models/dolly-v2-tiny in float32.
 */
const llamaServerProgram = process.env["DOLLY_TEST_LLAMA_SERVER"];
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

describe.runIf(llamaServerProgram !== undefined)("llama-server", () => {
  const scratch = mkdtempSync(join(tmpdir(), "llama-server-"));
  let engine: RunningEngine | undefined;

  beforeAll(async () => {
    const file = join(scratch, "tiny.gguf");
    await convertToGguf({ source: embeddedModel, type: "f32", output: file });
    engine = await llamaServer(llamaServerProgram ?? "", file)(await freePort());
  }, 60_000);
  afterAll(async () => {
    await engine?.kill();
    rmSync(scratch, { recursive: true, force: true });
  });

  driverContract(
    "openai, with llama-server as its engine",
    exam(
      () => engine?.base ?? "",
      [
        {
          test: "maxTokens 0 only scores the prompt",
          reason: "llama-server tells no log-probabilities of a prompt",
        },
        {
          test: "other seeds give other answers, and so do the choices of one seed",
          reason:
            "llama-server 0.4.0 ends an answer with an error where its bytes are no UTF-8, as nonsense has them",
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
