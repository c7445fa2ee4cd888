import { expect, test } from "vitest";
import { fake } from "../../../drivers/fake/index.ts";
import type { LoadContext, Model } from "../../../src/core/driver.ts";
import { type GenerationRequest, NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";
import type { Log } from "../../../src/core/log.ts";
import { driverContract } from "../../contract/driver-contract.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const context: LoadContext = {
  name: "fake",
  cacheDir: "",
  maxModelLen: undefined,
  log: silent,
  onProgress() {},
};
const never = new AbortController().signal;
const load = (options: object, rest: Partial<LoadContext> = {}): Promise<Model> =>
  fake.bind(options).load({ ...context, ...rest }, never);

driverContract("fake", {
  load: () =>
    load({ answers: [{ texts: ["Les élèves ont 日本 🙂 chats.", "Autre chose."] }], context_length: 512 }),
  question: "Combien?",
  sure: ["Combien?", "Combien ?"],
  stop: "ont 日",
});

/** Text and finish reason of the answer to `text`; throws what the stream throws. */
async function say(model: Model, text: string, rest: Partial<GenerationRequest> = {}, signal = never) {
  const request: GenerationRequest = {
    prompt: model.tokenize({ parts: [{ text }], end: [] }),
    choices: 1,
    maxTokens: 100,
    sampling: {
      ...NEUTRAL,
      temperature: 0,
      logitBias: [],
      seed: null,
    },
    stopTokens: model.endOfText === null ? [] : [model.endOfText],
    stopStrings: [],
    logprobs: null,
    ...ORDINARY,
    promptLogprobs: null,
    ...rest,
  };
  let said = "";
  for await (const event of model.generate(request, signal)) {
    if (event.type === "token") said += event.text;
    if (event.type === "finish") return { said, reason: event.reason };
  }
  throw new Error("a stream ends with its finish");
}

test("a prompt that no answer is for is answered with its own words", async () => {
  const model = await load({ answers: [{ match: "weather", texts: ["Rain."] }] });
  expect(await say(model, "How is the weather?")).toEqual({ said: "Rain.", reason: "stop" });
  expect(await say(model, "Echo")).toEqual({ said: "Echo", reason: "stop" });
});

test("an answer that nothing stops starts over", async () => {
  const model = await load({ answers: [{ texts: ["abc"] }] });
  expect(await say(model, "?", { stopTokens: [], maxTokens: 8 })).toEqual({
    said: "abcabc",
    reason: "length",
  });
});

test("it pretends to crash after what the config says, once it was said", async () => {
  const model = await load({ answers: [{ texts: ["l'été, l'hiver"] }], crash_on: "été" });
  await expect(say(model, "?")).rejects.toMatchObject({ code: "engine_crashed" });
  expect(await say(model, "?", { maxTokens: 4 })).toEqual({ said: "l'é", reason: "length" });
});

test("an abort does not wait for the next token", async () => {
  const model = await load({ tokens_per_second: 0.001 });
  const abort = new AbortController();
  const answer = say(model, "?", {}, abort.signal);
  const reason = new Error("enough");
  setImmediate(() => abort.abort(reason));
  await expect(answer).rejects.toBe(reason);
});

test("a context longer than the model's is refused with both figures", async () => {
  await expect(load({ context_length: 100 }, { maxModelLen: 200 })).rejects.toThrow(/200.*100/);
  expect((await load({ context_length: 100 }, { maxModelLen: 50 })).contextLength).toBe(50);
});
