import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel, golden } from "../golden-data.ts";

interface Case {
  readonly instruction: string;
  readonly context: string | null;
  readonly answer: string;
  readonly prompt_ids: number[];
  readonly greedy_ids: number[];
  readonly first_tie: number | null;
}
const known = golden<{ cases: Case[] }>("dolly-v2-tiny.json").cases.filter(
  ({ context, first_tie }) => context === null && first_tie === null,
);
const [one] = known;
if (one === undefined) throw new Error("there is a golden answer");
const { instruction, answer, prompt_ids, greedy_ids } = one;
const model = "dolly-v2-tiny";
const chat = { model, messages: [{ role: "user", content: instruction }], temperature: 0 };
const raw = { model, prompt: prompt_ids, temperature: 0, max_tokens: 100 };

interface Choice {
  readonly text: string;
  readonly message: { readonly content: string };
  readonly finish_reason: string;
  readonly token_ids: number[];
  readonly prompt_token_ids: number[];
  readonly prompt_logprobs: (Record<
    string,
    { logprob: number; rank: number | null; decoded_token: string }
  > | null)[];
  readonly logprobs: {
    readonly tokens: string[];
    readonly token_logprobs: number[];
    readonly content: { readonly token: string }[];
  };
}
interface Answer {
  readonly choices: Choice[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly prompt_token_ids: number[];
  readonly prompt_logprobs: Choice["prompt_logprobs"];
  readonly error?: { readonly param: string; readonly code: string };
}

describe.each(["llama-cpp", "onnx"])("on %s", (driver) => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway({ args: [embeddedModel, "--driver", driver, "--type", "f32"] });
  });
  afterAll(async () => {
    await gateway.stop();
  });

  async function post<T = Answer>(path: string, body: object): Promise<T> {
    const response = await fetch(`${gateway.address}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return JSON.parse(await response.text());
  }
  const complete = (body: object) => post("/v1/completions", { ...raw, ...body });
  const first = async (answer: Promise<Answer>): Promise<Choice> => {
    const { choices, error } = await answer;
    const [choice] = choices ?? [];
    if (choice === undefined) throw new Error(JSON.stringify(error));
    return choice;
  };

  test("tokens are reported by their ids", async () => {
    const told = await post("/v1/chat/completions", { ...chat, return_token_ids: true });
    expect(told.prompt_token_ids).toEqual(prompt_ids);
    expect(told.choices[0]?.token_ids).toEqual(greedy_ids);
    const choice = await first(
      complete({ return_token_ids: true, return_tokens_as_token_ids: true, logprobs: 1 }),
    );
    expect(choice.prompt_token_ids).toEqual(prompt_ids);
    expect(choice.token_ids).toEqual(greedy_ids);
    expect(choice.logprobs.tokens).toEqual(greedy_ids.map((id) => `token_id:${id}`));
    const scored = await first(
      post("/v1/chat/completions", { ...chat, logprobs: true, return_tokens_as_token_ids: true }),
    );
    // White space at the end is not sent, nor is the end itself.
    const names = scored.logprobs.content.map(({ token }) => token);
    expect(names).toEqual(greedy_ids.slice(0, names.length).map((id) => `token_id:${id}`));
    expect(names.length).toBeGreaterThan(greedy_ids.length - 4);
  });

  test("tokens are reported while they stream", async () => {
    const stream = await gateway.client().chat.completions.create({
      model,
      messages: [{ role: "user", content: instruction }],
      temperature: 0,
      stream: true,
      ...{ return_token_ids: true },
    });
    const ids: number[] = [];
    const prompts: unknown[] = [];
    for await (const chunk of stream) {
      if ("prompt_token_ids" in chunk) prompts.push(chunk.prompt_token_ids);
      for (const choice of chunk.choices) {
        if ("token_ids" in choice && Array.isArray(choice.token_ids)) ids.push(...choice.token_ids);
      }
    }
    expect(ids).toEqual(greedy_ids);
    expect(prompts).toEqual([prompt_ids]);
  });

  test("a prompt's log-probabilities are those that echo gives", async () => {
    const echoed = await first(complete({ echo: true, logprobs: 0, max_tokens: 1 }));
    const scored = await first(complete({ prompt_logprobs: 2, max_tokens: 1 }));
    expect(scored.prompt_logprobs).toHaveLength(prompt_ids.length);
    expect(scored.prompt_logprobs[0]).toBeNull();
    for (const [at, id] of prompt_ids.entries()) {
      if (at === 0) continue;
      const alternatives = scored.prompt_logprobs[at] ?? {};
      expect(alternatives[id]?.logprob).toBeCloseTo(echoed.logprobs.token_logprobs[at] ?? Number.NaN, 5);
      const others = Object.values(alternatives).filter(({ rank }) => rank !== null);
      expect(others.map(({ rank }) => rank).toSorted()).toEqual([1, 2]);
    }
    const whole = await post("/v1/chat/completions", { ...chat, prompt_logprobs: 2, max_tokens: 1 });
    expect(whole.prompt_logprobs).toEqual(scored.prompt_logprobs);
  });

  test("nothing ends an answer before min_tokens", async () => {
    const length = greedy_ids.length + 7;
    const { choices, usage } = await complete({ min_tokens: length, max_tokens: 100 });
    expect(usage.completion_tokens).toBeGreaterThan(length - 1);
    expect(choices[0]?.text.startsWith(answer.slice(0, 20))).toBe(true);
    const word = answer.slice(0, 4);
    expect((await first(complete({ stop: word }))).text).not.toContain(word);
    expect((await first(complete({ stop: word, min_tokens: 6 }))).text).toContain(word);
  });

  test("ignore_eos goes on behind the end", async () => {
    const { choices, usage } = await complete({ ignore_eos: true, max_tokens: greedy_ids.length + 5 });
    expect(choices[0]?.finish_reason).toBe("length");
    expect(usage.completion_tokens).toBe(greedy_ids.length + 5);
  });

  test("other tokens end an answer too, and are a part of it where that is wanted", async () => {
    const stop = greedy_ids[3] ?? 0;
    const at = greedy_ids.indexOf(stop);
    const ended = await complete({ stop_token_ids: [stop], return_token_ids: true });
    expect(ended.choices[0]?.token_ids).toEqual(greedy_ids.slice(0, at + 1));
    expect(ended.choices[0]?.finish_reason).toBe("stop");
    const { tokens: texts } = (await first(complete({ logprobs: 0 }))).logprobs;
    expect(ended.choices[0]?.text).toBe(texts.slice(0, at).join(""));
    const included = await first(complete({ stop_token_ids: [stop], include_stop_str_in_output: true }));
    expect(included.text).toBe(texts.slice(0, at + 1).join(""));
  });

  test("the stop string is a part of the answer where that is wanted", async () => {
    const stop = answer.slice(3, 7);
    expect((await first(complete({ stop }))).text).toBe(answer.slice(0, answer.indexOf(stop)));
    const { text } = await first(complete({ stop, include_stop_str_in_output: true }));
    expect(text).toBe(answer.slice(0, answer.indexOf(stop) + stop.length));
  });

  test("control tokens are a part of the text where that is wanted", async () => {
    const { text } = await first(complete({ skip_special_tokens: false, include_stop_str_in_output: true }));
    expect(text).toContain("### End");
    expect((await first(complete({}))).text).not.toContain("### End");
  });

  test("a prompt is cut at its beginning", async () => {
    const kept = await complete({ truncate_prompt_tokens: 5, return_token_ids: true, max_tokens: 1 });
    expect(kept.choices[0]?.prompt_token_ids).toEqual(prompt_ids.slice(-5));
    expect(kept.usage.prompt_tokens).toBe(5);
    const long = Array.from({ length: 5000 }, (_, index) => 300 + (index % 50));
    const fits = await complete({ prompt: long, truncate_prompt_tokens: -1, max_tokens: 10 });
    expect(fits.usage.prompt_tokens).toBe(1024 - 10);
    const echoed = await first(complete({ truncate_prompt_tokens: 5, echo: true, max_tokens: 0 }));
    const { prompt } = await post<{ prompt: string }>("/detokenize", { model, tokens: prompt_ids.slice(-5) });
    expect(echoed.text).toBe(prompt);
  });

  test("a repetition penalty makes what was said less likely, as Hugging Face has it", async () => {
    const plain = await first(complete({ max_tokens: 1, logprobs: 5 }));
    const [token = ""] = plain.logprobs.tokens;
    const { tokens } = await post<{ tokens: number[] }>("/tokenize", { model, prompt: token });
    const repeated = { prompt: [...tokens, ...prompt_ids], max_tokens: 1 };
    const before = await first(complete({ ...repeated, return_token_ids: true }));
    const after = await first(complete({ ...repeated, repetition_penalty: 10, return_token_ids: true }));
    expect(before.token_ids).toEqual(greedy_ids.slice(0, 1));
    expect(after.token_ids).not.toEqual(before.token_ids);
  });

  test("prompts are shown as the model gets them", async () => {
    const rendered = await post<{ prompt: string; prompt_token_ids: number[] }>(
      "/v1/chat/completions/render",
      chat,
    );
    expect(rendered.prompt_token_ids).toEqual(prompt_ids);
    expect(rendered.prompt).toContain(`### Instruction:\n${instruction}\n\n### Response:\n`);
    const one = await post<object>("/v1/completions/render", { model, prompt: rendered.prompt });
    expect(one).toEqual(rendered);
    const several = await post<object[]>("/v1/completions/render", {
      model,
      prompt: [rendered.prompt, "Why?"],
    });
    expect(several).toHaveLength(2);
    expect(several[0]).toEqual(rendered);
  });

  test("texts become tokens and tokens texts", async () => {
    const { prompt } = await post<{ prompt: string }>("/detokenize", { model, tokens: prompt_ids });
    const back = await post<object>("/tokenize", { model, prompt, return_token_strs: true });
    expect(back).toEqual({
      count: prompt_ids.length,
      max_model_len: 1024,
      tokens: prompt_ids,
      token_strs: expect.arrayContaining(["### End", "### Instruction:"].slice(1)),
    });
    const conversation = await post<{ tokens: number[] }>("/tokenize", { model, messages: chat.messages });
    expect(conversation.tokens).toEqual(prompt_ids);
    const { error } = await post("/detokenize", { model, tokens: [5, 99_999] });
    expect(error).toMatchObject({ param: "tokens[1]", code: "invalid_value" });
    const info = await fetch(`${gateway.address}/tokenizer_info?model=${model}`);
    expect(await info.json()).toMatchObject({ eos_token: "<|endoftext|>", model_max_length: 1024 });
  });
});
