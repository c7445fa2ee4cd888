import { PromptTemplate } from "@langchain/core/prompts";
import { ChatOpenAI, OpenAI } from "@langchain/openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel, golden } from "../golden-data.ts";

interface AnswerCase {
  instruction: string;
  context: string | null;
  first_tie: number | null;
  answer: string;
  full_text: string;
}

const exact = golden<{ cases: AnswerCase[] }>("dolly-v2-tiny.json").cases.filter(
  ({ first_tie }) => first_tie === null,
);
const plain = exact.filter(({ context }) => context === null).slice(0, 5);
const withContext = exact.flatMap((item) =>
  item.context === null ? [] : [{ ...item, context: item.context }],
);

/** The two prompt templates of the model card's LangChain section. */
const prompt = PromptTemplate.fromTemplate("{instruction}");
const promptWithContext = PromptTemplate.fromTemplate("{instruction}\n\nInput:\n{context}");

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ args: [embeddedModel] });
});
afterAll(async () => {
  await gateway.stop();
});

const settings = () => ({
  temperature: 0,
  apiKey: "unused",
  maxRetries: 0,
  configuration: { baseURL: `${gateway.address}/v1` },
});
const chat = () => new ChatOpenAI({ ...settings(), model: "dolly-v2-tiny", useResponsesApi: false });
/** What the card's `pipeline` is: an instruction in, its answer out. */
const pipeline = () => new OpenAI({ ...settings(), model: "dolly-v2-tiny-instruct" });

test("the card's plain instruction, as a chat and through the pipeline's stand-in", async () => {
  for (const { instruction, answer } of plain) {
    const message = await prompt.pipe(chat()).invoke({ instruction });
    expect(message.content).toBe(answer);
    expect(await prompt.pipe(pipeline()).invoke({ instruction })).toBe(answer);
  }
});

test("the card's template with context", async () => {
  expect(withContext.length).toBeGreaterThan(5);
  for (const { instruction, context, answer } of withContext.slice(0, 5)) {
    const message = await promptWithContext.pipe(chat()).invoke({ instruction, context });
    expect(message.content).toBe(answer);
    expect(await promptWithContext.pipe(pipeline()).invoke({ instruction, context })).toBe(answer);
  }
});

test("streams the same answer", async () => {
  const [first] = plain;
  let text = "";
  for await (const chunk of await chat().stream(first?.instruction ?? "")) text += chunk.content;
  expect(text).toBe(first?.answer);
});
