import { expect, test } from "vitest";
import { runningServer } from "../http/running-server.ts";

const PATH = "/v1/completions";
const model = "dolly-v2-3b";

test("a raw completion has OpenAI's defaults and keeps white space", async () => {
  const { client, services } = await runningServer({ answer: () => "\n two \n" });
  const answer = await client.completions.create({ model, prompt: "One ### End" });
  expect(answer).toMatchObject({
    id: "cmpl-2",
    object: "text_completion",
    model,
    choices: [{ index: 0, text: "\n two \n", logprobs: null, finish_reason: "stop" }],
    usage: { prompt_tokens: 5, completion_tokens: 8, total_tokens: 13 },
  });
  expect(services.requests[0]).toMatchObject({
    prompt: [...Buffer.from("One "), 259],
    maxTokens: 16,
    sampling: { temperature: 1, topP: 1 },
    stopTokens: [259, 256],
  });
});

test("under an instruct name the prompt is an instruction, and echo is the pipeline's full text", async () => {
  const { client, services } = await runningServer({ answer: () => "\nBlue. \n" });
  const answer = await client.completions.create({
    model: "dolly-v2-3b-instruct",
    prompt: "Which colour?",
    echo: true,
  });
  expect(answer.choices[0]?.text).toBe("Which colour?\nBlue.");
  const [request] = services.requests;
  expect(request).toMatchObject({ maxTokens: 256, sampling: { topP: 0.92 } });
  expect(request?.prompt.filter((id) => id >= 256)).toEqual([257, 258]);
});

test("prompts as strings, ids and lists of both; choices prompt-major, usage summed", async () => {
  const { client, services } = await runningServer({ answer: (choice) => String(choice) });
  const prompts = [
    ["a", "bb"],
    [[97], [98, 98]],
  ] as const;
  for (const prompt of prompts) {
    const answer = await client.completions.create({
      model,
      prompt: [...prompt] as string[],
      n: 2,
      echo: true,
    });
    expect(answer.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, "a0"],
      [1, "a1"],
      [2, "bb0"],
      [3, "bb1"],
    ]);
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 8 });
  }
  await client.completions.create({ model, prompt: [97, 98] });
  expect(services.requests.at(-1)?.prompt).toEqual([97, 98]);
});

test("a stream of several prompts: chunks tagged by index, one finish each, usage, [DONE]", async () => {
  const { post } = await runningServer({ answer: () => "x" });
  const answer = await post(PATH, {
    model,
    prompt: ["a", "b"],
    echo: true,
    stream: true,
    stream_options: { include_usage: true },
  });
  await expect(await answer.text()).toMatchFileSnapshot("golden/completion-stream.txt");
});

test("lm-evaluation-harness scores: ids echoed with one generated token, even if it is an end token", async () => {
  const { post } = await runningServer({ answer: () => "" });
  const answer = await post(PATH, {
    model,
    prompt: [
      [104, 0xe2, 0x82, 0xac, 256],
      [97, 98],
    ],
    temperature: 0,
    max_tokens: 1,
    logprobs: 1,
    seed: 1234,
    echo: true,
  });
  const { choices } = JSON.parse(await answer.text());
  expect(choices[0]).toMatchObject({
    index: 0,
    text: "h€<|endoftext|>",
    logprobs: {
      tokens: ["h", "bytes:\\xe2", "bytes:\\x82", "bytes:\\xac", "<|endoftext|>", "### End"],
      text_offset: [0, 1, 1, 1, 2, 15],
    },
  });
  for (const { logprobs } of choices) {
    const { tokens, token_logprobs, top_logprobs } = logprobs;
    expect([token_logprobs[0], top_logprobs[0]]).toEqual([null, null]);
    for (const place of tokens.keys()) {
      if (place > 0)
        expect(Math.max(...Object.values<number>(top_logprobs[place]))).toBe(token_logprobs[place]);
    }
  }
  expect(choices[1].logprobs.tokens).toEqual(["a", "b", "### End"]);
});

test("a model's max_logprobs allows more alternatives than OpenAI's five, and no more than it says", async () => {
  const { post } = await runningServer({}, { route: { maxLogprobs: 20 } });
  const body = { model, prompt: "a", max_tokens: 1 };
  const { choices } = JSON.parse(await (await post(PATH, { ...body, logprobs: 20 })).text());
  expect(Object.keys(choices[0].logprobs.top_logprobs[0]).length).toBeGreaterThanOrEqual(20);
  const over = await post(PATH, { ...body, logprobs: 21 });
  expect([over.status, await over.json()]).toMatchObject([400, { error: { param: "logprobs" } }]);
});

test("max_tokens: 0 with echo only scores; logprobs: 0 has the token itself in each place", async () => {
  const { client, services } = await runningServer();
  const answer = await client.completions.create({
    model,
    prompt: "abc",
    max_tokens: 0,
    logprobs: 0,
    echo: true,
  });
  expect(answer.choices[0]).toMatchObject({
    text: "abc",
    finish_reason: "length",
    logprobs: { tokens: ["a", "b", "c"], top_logprobs: [null, { b: Math.log(0.5) }, { c: Math.log(0.5) }] },
  });
  expect(answer.usage?.completion_tokens).toBe(0);
  expect(services.requests[0]).toMatchObject({ maxTokens: 0, promptLogprobs: 0 });
});

test("streamed log-probabilities, joined, are those of the answer in one piece", async () => {
  const { client } = await runningServer({ answer: () => "h€y" });
  const options = { model, prompt: "ab", echo: true, logprobs: 2 };
  const whole = await client.completions.create(options);
  const joined: Record<string, unknown[]> = {
    tokens: [],
    token_logprobs: [],
    top_logprobs: [],
    text_offset: [],
  };
  for await (const chunk of await client.completions.create({ ...options, stream: true })) {
    for (const [name, values] of Object.entries(chunk.choices[0]?.logprobs ?? {}))
      joined[name]?.push(...values);
  }
  expect(joined).toEqual(whole.choices[0]?.logprobs);
  expect(joined["text_offset"]).toEqual([0, 1, 2, 3, 3, 3, 4, 5]);
});

test("one prompt that fails ends the others", async () => {
  const { post, services } = await runningServer({ answer: () => "x".repeat(300) });
  const answer = await post(PATH, {
    model,
    prompt: ["a", "x".repeat(600)],
    max_tokens: 300,
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    error: { code: "context_length_exceeded", param: "prompt[1]" },
  });
  expect(services.running).toBe(0);
});

test("best_of draws more answers than it sends, the likeliest first, and counts them all", async () => {
  const { client, services } = await runningServer({
    answer: (choice) => ["a", "bb", "ccc", "dddd"][choice] ?? "",
    logprob: (choice) => [-4, -1, -3, -2][choice] ?? 0,
  });
  const answer = await client.completions.create({ model, prompt: "x", n: 2, best_of: 4, max_tokens: 20 });
  expect(services.requests[0]).toMatchObject({ choices: 4, logprobs: 0 });
  expect(answer.choices.map(({ text, index, logprobs }) => [text, index, logprobs])).toEqual([
    ["bb", 0, null],
    ["dddd", 1, null],
  ]);
  expect(answer.usage?.completion_tokens).toBe(2 + 3 + 4 + 5);
});

test.each([
  [{ prompt: undefined }, "missing_required_parameter", "prompt"],
  [{ prompt: "" }, "invalid_value", "prompt"],
  [{ prompt: [] }, "invalid_value", "prompt"],
  [{ prompt: ["a", ""] }, "invalid_value", "prompt[1]"],
  [{ prompt: [1, 260] }, "invalid_value", "prompt"],
  [{ prompt: [[1], [260]] }, "invalid_value", "prompt[1]"],
  [{ prompt: Array.from({ length: 33 }, () => "a") }, "invalid_value", "prompt"],
  [{ logprobs: 6 }, "invalid_value", "logprobs"],
  [{ max_tokens: -1 }, "invalid_value", "max_tokens"],
  [{ best_of: 3, stream: true }, "invalid_value", "best_of"],
  [{ best_of: 2, n: 3 }, "invalid_value", "best_of"],
  [{ suffix: "end" }, "unsupported_parameter", "suffix"],
  [{ model: "dolly-v2-3b-instruct", prompt: [1, 2] }, "unsupported_parameter", "prompt"],
  [{ model: "dolly-v2-3b-instruct", echo: true, logprobs: 1 }, "unsupported_parameter", "echo"],
])("%j is refused as %s of %s", async (more, code, param) => {
  const { post } = await runningServer();
  const answer = await post(PATH, { model, prompt: "a", ...more });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code, param } }]);
});
