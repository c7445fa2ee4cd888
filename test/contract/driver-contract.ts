import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../src/core/driver.ts";
import {
  type GeneratedToken,
  type GenerationEvent,
  type GenerationRequest,
  NEUTRAL,
  ORDINARY,
  type Sampling,
} from "../../src/core/generation.ts";
import { GatewayError } from "../../src/errors.ts";

export interface DriverExam {
  /** A fresh model with at least two slots; each call loads another one. */
  load(): Promise<Model>;
  /** A question whose answer at temperature 0 has at least 12 tokens. */
  readonly question: string;
  /** Questions that it is sure of, whose answers do not hang on how rounding differs between batches. */
  readonly sure: readonly string[];
  /** A part of that answer that two tokens or more share, and that does not begin it. */
  readonly stop: string;
  /** Tests that this driver cannot pass, each with a reason. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[];
}

const never = new AbortController().signal;

const greedy: Sampling = {
  ...NEUTRAL,
  temperature: 0,
  logitBias: [],
  seed: null,
};

interface Collected {
  readonly events: readonly GenerationEvent[];
  readonly start: Extract<GenerationEvent, { type: "start" }>;
  text(index?: number): string;
  tokens(index?: number): GeneratedToken[];
  finish(index?: number): Extract<GenerationEvent, { type: "finish" }>;
}

async function collect(
  model: Model,
  request: GenerationRequest,
  signal: AbortSignal = never,
): Promise<Collected> {
  const events: GenerationEvent[] = [];
  for await (const event of model.generate(request, signal)) events.push(event);
  const [start] = events;
  if (start?.type !== "start") throw new Error("a stream begins with its start");
  const of = (index: number) =>
    events.flatMap((event) => (event.type === "token" && event.index === index ? [event] : []));
  return {
    events,
    start,
    text: (index = 0) =>
      of(index)
        .map(({ text }) => text)
        .join(""),
    tokens: (index = 0) => of(index).flatMap(({ tokens }) => tokens),
    finish(index = 0) {
      const found = events
        .filter((event) => event.type === "finish")
        .filter((event) => event.index === index);
      const [only] = found;
      if (only === undefined || found.length > 1)
        throw new Error(`choice ${index} has ${found.length} finishes`);
      return only;
    },
  };
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** The exam that every driver sits. */
export function driverContract(name: string, exam: DriverExam): void {
  const skipped = new Map(exam.skip?.map(({ test: title, reason }) => [title, reason]));
  const check = (title: string, body: () => Promise<void>) => {
    const reason = skipped.get(title);
    if (reason === undefined) test(title, body);
    else test.skip(`${title} (${reason})`, body);
    skipped.delete(title);
  };

  describe(`the driver exam: ${name}`, () => {
    let model: Model;
    beforeAll(async () => {
      model = await exam.load();
    });
    afterAll(() => model.close());

    const ask = (rest: Partial<GenerationRequest> = {}, question = exam.question): GenerationRequest => ({
      prompt: model.tokenize({
        parts: [
          {
            text: "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n",
          },
          { special: "### Instruction:" },
          { text: `\n${question}\n\n` },
          { special: "### Response:\n" },
        ],
        end: ["### End"],
      }),
      choices: 1,
      maxTokens: 40,
      sampling: greedy,
      stopTokens: [model.controlToken("### End") ?? -1, model.endOfText ?? -1],
      stopStrings: [],
      logprobs: null,
      ...ORDINARY,
      promptLogprobs: null,
      ...rest,
    });

    check("a stream is one start, tokens, one finish, and its counts add up", async () => {
      const request = ask({ logprobs: 0 });
      const answer = await collect(model, request);
      expect(answer.events.filter(({ type }) => type === "start")).toHaveLength(1);
      expect(answer.events.at(-1)).toBe(answer.finish());
      expect(answer.start.promptTokens).toBe(request.prompt.length);
      expect(answer.tokens().length).toBe(answer.finish().completionTokens);
      expect(answer.tokens().length).toBeGreaterThanOrEqual(12);
      expect(answer.text()).not.toBe("");
    });

    check("the end token ends the answer, is counted, and is no text", async () => {
      const answer = await collect(model, ask({ maxTokens: 200 }));
      expect(answer.finish().reason).toBe("stop");
      expect(answer.tokens().at(-1)).toMatchObject({ id: model.controlToken("### End"), control: true });
      expect(answer.text()).not.toContain("### End");
    });

    check("maxTokens ends with length after that many tokens", async () => {
      const answer = await collect(model, ask({ maxTokens: 5 }));
      expect(answer.finish()).toMatchObject({ reason: "length", completionTokens: 5 });
      const whole = await collect(model, ask());
      expect(whole.text().startsWith(answer.text())).toBe(true);
    });

    check("maxTokens 0 only scores the prompt", async () => {
      const request = ask({ maxTokens: 0, promptLogprobs: 2 });
      const answer = await collect(model, request);
      expect(answer.finish()).toMatchObject({ reason: "length", completionTokens: 0 });
      expect(answer.tokens()).toEqual([]);
      const scores = answer.start.promptLogprobs ?? [];
      expect(scores.map(({ id }) => id)).toEqual(request.prompt);
      expect(scores[0]?.logprob).toBeNull();
      for (const { logprob, top } of scores.slice(1)) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect(top).toHaveLength(2);
        expect(top[0]?.logprob).toBeGreaterThanOrEqual(top[1]?.logprob ?? 0);
        expect(top[0]?.logprob).toBeGreaterThanOrEqual(logprob ?? 0);
      }
    });

    check("log-probabilities contain the chosen token, are sorted, and are probabilities", async () => {
      const answer = await collect(model, ask({ logprobs: 5, maxTokens: 10 }));
      expect(answer.tokens()).toHaveLength(10);
      for (const { id, logprob, top = [] } of answer.tokens()) {
        expect(top).toHaveLength(5);
        expect(top[0]?.id).toBe(id);
        expect(top[0]?.logprob).toBe(logprob);
        expect(top.map((one) => one.logprob)).toEqual(top.map((one) => one.logprob).sort((a, b) => b - a));
        expect(top.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).toBeLessThanOrEqual(1 + 1e-6);
      }
    });

    check("a stop string across tokens ends the answer and never leaks", async () => {
      const whole = await collect(model, ask());
      const cut = await collect(model, ask({ stopStrings: ["never said", exam.stop], logprobs: 0 }));
      expect(whole.text().indexOf(exam.stop)).toBeGreaterThan(0);
      expect(cut.text()).toBe(whole.text().slice(0, whole.text().indexOf(exam.stop)));
      expect(cut.finish().reason).toBe("stop");
      const spelled = cut.tokens().filter(({ control }) => !control);
      expect(Buffer.concat(spelled.map(({ bytes }) => bytes)).toString("utf8")).toBe(cut.text());
    });

    check("no event holds a broken character", async () => {
      const answer = await collect(model, ask({}, `${exam.question} — “é” 🙂 日本語`));
      for (const event of answer.events) {
        if (event.type === "token") expect(event.text.isWellFormed()).toBe(true);
      }
    });

    check("temperature 0 is deterministic, and so is a seed", async () => {
      expect((await collect(model, ask())).text()).toBe((await collect(model, ask())).text());
      const seeded = ask({ sampling: { ...greedy, temperature: 1.5, seed: 42 } });
      expect((await collect(model, seeded)).text()).toBe((await collect(model, seeded)).text());
    });

    check("other seeds give other answers, and so do the choices of one seed", async () => {
      const sampling = { ...greedy, temperature: 2 };
      const texts = new Set<string>();
      for (let seed = 1; seed <= 8; seed += 1) {
        texts.add((await collect(model, ask({ sampling: { ...sampling, seed } }))).text());
      }
      expect(texts.size).toBeGreaterThan(1);
      const forked = await collect(model, ask({ choices: 8, sampling: { ...sampling, seed: 1 } }));
      expect(new Set(Array.from({ length: 8 }, (_, index) => forked.text(index))).size).toBeGreaterThan(1);
    });

    check("choices are tagged, each with its own finish", async () => {
      const choices = 3;
      const answer = await collect(model, ask({ choices, sampling: { ...greedy, temperature: 1, seed: 7 } }));
      const again = await collect(model, ask({ choices, sampling: { ...greedy, temperature: 1, seed: 7 } }));
      for (let index = 0; index < choices; index += 1) {
        expect(answer.finish(index).completionTokens).toBe(answer.tokens(index).length);
        expect(again.text(index)).toBe(answer.text(index));
      }
      expect(answer.events.filter(({ type }) => type === "start")).toHaveLength(1);
    });

    check("more streams than slots all finish, each as it does alone", async () => {
      const { sure } = exam;
      const questions = Array.from({ length: model.slots * 2 + 1 }, (_, at) => sure[at % sure.length] ?? "");
      const alone = [];
      for (const question of questions) alone.push((await collect(model, ask({}, question))).text());
      const together = await Promise.all(questions.map((question) => collect(model, ask({}, question))));
      expect(together.map((answer) => answer.text())).toEqual(alone);
    });

    check("an abort ends a stream with its reason and frees the slot", async () => {
      for (let round = 0; round <= model.slots; round += 1) {
        const abort = new AbortController();
        const reason = new Error("enough");
        const stream = model.generate(ask(), abort.signal);
        await stream.next();
        await stream.next();
        abort.abort(reason);
        expect(await failure(stream.next().then(() => stream.next()))).toBe(reason);
      }
      expect((await collect(model, ask())).finish().index).toBe(0);
    });

    check("an aborted signal starts nothing", async () => {
      const reason = new Error("too late");
      expect(await failure(collect(model, ask(), AbortSignal.abort(reason)))).toBe(reason);
    });

    check("a request that waits for a slot can be aborted, and the others go on", async () => {
      const alone = (await collect(model, ask())).text();
      const running = Array.from({ length: model.slots }, () => model.generate(ask(), never));
      for (const stream of running) await stream.next();
      const abort = new AbortController();
      const reason = new Error("no patience");
      const waiting = failure(model.generate(ask(), abort.signal).next());
      abort.abort(reason);
      expect(await waiting).toBe(reason);
      for (const stream of running) {
        let text = "";
        for await (const event of stream) if (event.type === "token") text += event.text;
        expect(text).toBe(alone);
      }
    });

    check("a reader that leaves frees the slot", async () => {
      for (let round = 0; round <= model.slots; round += 1) {
        for await (const event of model.generate(ask(), never)) if (event.type === "token") break;
      }
      expect((await collect(model, ask())).finish().index).toBe(0);
    });

    check("a prompt that does not fit is refused with both figures before any event", async () => {
      const prompt = Array<number>(model.contextLength).fill(5);
      const error = await failure(collect(model, ask({ prompt })));
      expect(error).toBeInstanceOf(GatewayError);
      expect(error).toMatchObject({ code: "context_length_exceeded" });
      expect(String(error)).toMatch(new RegExp(`${model.contextLength}.*${prompt.length}`));
      const full = await collect(model, ask({ prompt: prompt.slice(1), maxTokens: 50 }));
      expect(full.finish().completionTokens).toBe(1);
    });

    check("ids outside the vocabulary are refused by number", async () => {
      const wrong = model.vocabularySize;
      for (const request of [
        ask({ prompt: [1, wrong] }),
        ask({ sampling: { ...greedy, logitBias: [[wrong, 1]] } }),
        ask({ prompt: [-1] }),
      ]) {
        const error = await failure(collect(model, request));
        expect(error).toMatchObject({ code: "invalid_value", message: expect.stringMatching(`${wrong}|-1`) });
      }
      expect(await failure(collect(model, ask({ prompt: [] })))).toMatchObject({ code: "invalid_value" });
    });

    check("control strings in a user's text are text", async () => {
      const ids = model.tokenize({ parts: [{ text: "### End\n### Instruction:\n<|endoftext|>" }], end: [] });
      expect(ids.filter((id) => model.token(id).control)).toEqual([]);
      expect(model.detokenize(ids)).toBe("### End\n### Instruction:\n<|endoftext|>");
      const markup = model.tokenize({ parts: [{ markup: "a### Endb" }], end: [] });
      expect(markup.filter((id) => model.token(id).control)).toEqual([model.controlToken("### End")]);
      expect(model.detokenize(markup)).toBe("ab");
      expect(model.detokenize(markup, { control: true })).toBe("a### Endb");
    });

    check("a check of its health resolves", async () => {
      await model.check(never);
    });

    check("closing ends running streams, twice is harmless, and nothing is served afterwards", async () => {
      const other = await exam.load();
      const stream = other.generate(ask({ maxTokens: 200 }), never);
      await stream.next();
      await Promise.all([other.close(), other.close()]);
      const drain = async () => {
        for await (const _ of stream);
      };
      expect(await failure(drain())).toBeInstanceOf(GatewayError);
      expect(await failure(collect(other, ask()))).toBeInstanceOf(GatewayError);
    });

    test("every skip names a test of the exam", () => {
      expect([...skipped.keys()]).toEqual([]);
    });
  });
}
