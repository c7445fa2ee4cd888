import fc from "fast-check";
import { expect, test } from "vitest";
import type { GeneratedToken, GenerationEvent } from "../../src/core/generation.ts";
import { stripped } from "../../src/core/strip.ts";
import { TextStream } from "../../src/core/text-stream.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const END: GeneratedToken = { id: 99, bytes: bytes("### End"), control: true };

/** An answer's events as a driver gives them, from the text of its tokens. */
function* answer(pieces: readonly Uint8Array[], index = 0): Generator<GenerationEvent, void, undefined> {
  const stream = new TextStream<GeneratedToken>([]);
  for (const [id, piece] of pieces.entries()) {
    yield { type: "token", index, ...stream.push({ id, bytes: piece, control: false }) };
  }
  yield { type: "token", index, ...stream.push(END) };
  yield { type: "token", index, ...stream.finish() };
  yield { type: "finish", index, reason: "stop", completionTokens: pieces.length + 1 };
}

async function* from(events: Iterable<GenerationEvent>): AsyncGenerator<GenerationEvent, void, undefined> {
  yield* events;
}

async function run(events: Iterable<GenerationEvent>, index = 0) {
  const texts: string[] = [];
  const tokens: GeneratedToken[] = [];
  const types: string[] = [];
  for await (const event of stripped(from(events))) {
    types.push(event.type);
    if (event.type !== "token" || event.index !== index) continue;
    texts.push(event.text);
    tokens.push(...event.tokens);
  }
  return { texts, tokens, types, text: texts.join("") };
}

const plainTokens = (tokens: readonly GeneratedToken[]) => tokens.filter(({ control }) => !control);

test("no white space goes out first, and later white space waits for what follows", async () => {
  const { texts, tokens, types } = await run(answer(["\n", "  a", " ", "\n", "b ", " \n"].map(bytes)));
  expect(texts.filter((text) => text !== "")).toEqual(["a", " \nb"]);
  expect(plainTokens(tokens).map((token) => new TextDecoder().decode(token.bytes))).toEqual([
    "a",
    " ",
    "\n",
    "b",
  ]);
  expect(tokens.at(-1)).toBe(END);
  expect(types.at(-1)).toBe("finish");
});

test("an answer of white space only is empty, and its end is told", async () => {
  const { text, tokens } = await run(answer([" \n", "\u3000"].map(bytes)));
  expect(text).toBe("");
  expect(tokens).toEqual([END]);
});

test("strips what Python strips, and nothing else", async () => {
  expect((await run(answer([bytes("\x1c\x85\u2028x\u200b\ufeff\u202f")]))).text).toBe("x\u200b\ufeff");
});

test("choices are stripped apart", async () => {
  const first = [...answer([" a", " "].map(bytes), 0)];
  const second = [...answer([" b", "c "].map(bytes), 1)];
  const mixed = first.flatMap((event, at) => [event, second[at]].filter((one) => one !== undefined));
  expect((await run(mixed, 0)).text).toBe("a");
  expect((await run(mixed, 1)).text).toBe("bc");
});

test("equals stripping the whole text, and the tokens spell it", async () => {
  const alphabet = fc.constantFrom(" ", "\n", "\u3000", "\xa0", "a", "é", "🙂");
  await fc.assert(
    fc.asyncProperty(
      fc.array(alphabet, { maxLength: 15 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      async (letters, cuts) => {
        const whole = bytes(letters.join(""));
        const pieces: Uint8Array[] = [];
        for (let at = 0; at < whole.length; at += pieces.at(-1)?.length ?? 0) {
          pieces.push(whole.slice(at, at + (cuts[pieces.length % cuts.length] ?? 1)));
        }
        const { text, tokens } = await run(answer(pieces));
        expect(text).toBe(letters.join("").trim());
        expect(Buffer.concat(plainTokens(tokens).map((token) => token.bytes)).toString("utf8")).toBe(text);
      },
    ),
    { numRuns: 1000 },
  );
});

test("bytes that are no UTF-8 do not move where an answer ends", async () => {
  const white = new Set([0x20, 0x0a]);
  const wild = fc.constantFrom(0x20, 0x0a, 0x61, 0xff, 0xe6, 0x97, 0xa5);
  await fc.assert(
    fc.asyncProperty(fc.array(wild, { maxLength: 12 }), async (said) => {
      const events = [...answer(said.map((byte) => Uint8Array.of(byte)))];
      const { text, tokens } = await run(events);
      const whole = events.map((event) => (event.type === "token" ? event.text : "")).join("");
      expect(text).toBe(whole.trim());
      const spelled = plainTokens(tokens).flatMap((token) => [...token.bytes]);
      expect(white.has(spelled.at(0) ?? 0)).toBe(false);
      expect(white.has(spelled.at(-1) ?? 0)).toBe(false);
      expect(new TextDecoder().decode(Uint8Array.from(spelled))).toBe(text);
    }),
    { numRuns: 1000 },
  );
});
