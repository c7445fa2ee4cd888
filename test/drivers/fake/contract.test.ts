import { expect, test } from "vitest";
import { fake } from "../../../drivers/fake/index.ts";
import type { LoadContext, Model } from "../../../src/core/driver.ts";
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
  stop: "ont 日",
});

test("a prompt that no answer is for is answered with its own words", async () => {
  const model = await load({ answers: [{ match: "weather", texts: ["Rain."] }] });
  const say = async (text: string) => {
    let said = "";
    const request = {
      prompt: model.tokenize({ parts: [{ text }], end: [] }),
      choices: 1,
      maxTokens: 100,
      sampling: {
        temperature: 0,
        topP: 1,
        topK: 0,
        minP: 0,
        presencePenalty: 0,
        frequencyPenalty: 0,
        logitBias: [],
        seed: null,
      },
      stopTokens: [257],
      stopStrings: [],
      logprobs: null,
      promptLogprobs: null,
    };
    for await (const event of model.generate(request, never)) if (event.type === "token") said += event.text;
    return said;
  };
  expect(await say("How is the weather?")).toBe("Rain.");
  expect(await say("Echo")).toBe("Echo");
});

test("a context longer than the model's is refused with both figures", async () => {
  await expect(load({ context_length: 100 }, { maxModelLen: 200 })).rejects.toThrow(/200.*100/);
  expect((await load({ context_length: 100 }, { maxModelLen: 50 })).contextLength).toBe(50);
});
