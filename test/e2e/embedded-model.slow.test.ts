import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel, golden } from "../golden-data.ts";

interface AnswerCase {
  instruction: string;
  context: string | null;
  prompt_ids: number[];
  greedy_ids: number[];
  first_tie: number | null;
  finish_reason: "stop" | "length";
  answer: string;
  full_text: string;
}

const { cases } = golden<{ cases: AnswerCase[] }>("dolly-v2-tiny.json");
const exact = cases.filter((item) => item.first_tie === null);

interface Answered {
  text: string;
  finish: string | null;
  promptTokens: number;
  completionTokens: number;
}

describe.each([
  ["llama-cpp", "f32"],
  ["llama-cpp", "f16"],
  ["onnx", "f32"],
])("dolly-v2-tiny on %s at %s", (driver, type) => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway({ args: [embeddedModel, "--driver", driver, "--type", type] });
  });
  afterAll(async () => {
    await gateway.stop();
  });

  async function ask(item: AnswerCase, stream: boolean, maxTokens = 96): Promise<Answered> {
    const request = {
      model: "dolly-v2-tiny",
      temperature: 0,
      max_tokens: maxTokens,
      messages: [{ role: "user" as const, content: item.instruction }],
      ...(item.context === null ? {} : { documents: [item.context] }),
    };
    const { completions } = gateway.client().chat;
    if (!stream) {
      const answer = await completions.create({ ...request, stream: false });
      return {
        text: answer.choices[0]?.message.content ?? "",
        finish: answer.choices[0]?.finish_reason ?? null,
        promptTokens: answer.usage?.prompt_tokens ?? 0,
        completionTokens: answer.usage?.completion_tokens ?? 0,
      };
    }
    const answered: Answered = { text: "", finish: null, promptTokens: 0, completionTokens: 0 };
    const chunks = await completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of chunks) {
      answered.text += chunk.choices[0]?.delta.content ?? "";
      answered.finish = chunk.choices[0]?.finish_reason ?? answered.finish;
      answered.promptTokens = chunk.usage?.prompt_tokens ?? answered.promptTokens;
      answered.completionTokens = chunk.usage?.completion_tokens ?? answered.completionTokens;
    }
    return answered;
  }

  const expected = (item: AnswerCase): Answered => ({
    text: item.answer,
    finish: item.finish_reason,
    promptTokens: item.prompt_ids.length,
    completionTokens: item.greedy_ids.length,
  });

  test("answers word for word, one at a time", async () => {
    for (const item of exact) expect(await ask(item, false), item.instruction).toEqual(expected(item));
  });

  test("streams word for word, 8 at once", async () => {
    const waiting = [...exact];
    const answers = new Map<string, Answered>();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
          answers.set(item.instruction, await ask(item, true));
        }
      }),
    );
    for (const item of exact) {
      expect(answers.get(item.instruction), item.instruction).toEqual(expected(item));
    }
  });

  test("answers exactly up to the first tie where there is one", async () => {
    const tied = cases.filter((item) => item.first_tie !== null);
    expect(tied.length).toBeGreaterThan(0);
    for (const item of tied) {
      const { text } = await ask(item, false, item.first_tie ?? 1);
      expect(text).not.toBe("");
      expect(item.answer.startsWith(text), `${text} begins ${item.answer}`).toBe(true);
    }
  });

  test("takes the context as the model card's LangChain template types it", async () => {
    const withContext = exact.filter((item) => item.context !== null);
    expect(withContext.length).toBeGreaterThan(5);
    for (const item of withContext) {
      const typed = { ...item, instruction: `${item.instruction}\n\nInput:\n${item.context}`, context: null };
      expect(await ask(typed, false), item.instruction).toEqual(expected(item));
    }
  });

  test("returns the pipeline's full text for an instruct name with echo", async () => {
    for (const item of exact.filter(({ context }) => context === null).slice(0, 10)) {
      const answer = await gateway.client().completions.create({
        model: "dolly-v2-tiny-instruct",
        prompt: item.instruction,
        temperature: 0,
        echo: true,
      });
      expect(answer.choices[0]?.text).toBe(item.full_text);
    }
  });
});
