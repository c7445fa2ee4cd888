import fc from "fast-check";
import { expect, test } from "vitest";
import type { GeneratedToken } from "../../src/core/generation.ts";
import { TextStream } from "../../src/core/text-stream.ts";

const token = (bytes: Uint8Array | string, id = 0): GeneratedToken => ({
  id,
  bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
  control: false,
});

const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** Feeds tokens until a stop string ends the text. */
function run(tokens: readonly GeneratedToken[], stops: readonly string[]) {
  const stream = new TextStream(stops);
  const fragments = [];
  for (const next of tokens) {
    fragments.push(stream.push(next));
    if (stream.stopped) break;
  }
  if (!stream.stopped) fragments.push(stream.finish());
  return {
    texts: fragments.map((fragment) => fragment.text),
    text: fragments.map((fragment) => fragment.text).join(""),
    tokens: fragments.flatMap((fragment) => fragment.tokens),
    stopped: stream.stopped,
  };
}

test("a character that spans tokens is sent once it is whole, and its tokens with it", () => {
  const bytes = new TextEncoder().encode("a🙂b");
  const tokens = [...bytes].map((byte, id) => token(Uint8Array.of(byte), id));
  const { texts, tokens: settled } = run(tokens, []);
  expect(texts).toEqual(["a", "", "", "", "🙂", "b", ""]);
  expect(settled.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("a stop string across tokens never leaks, and nothing else is held back", () => {
  const { texts, text: whole, tokens, stopped } = run(["one S", "TO", "Y STO", "P two"].map(token), ["STOP"]);
  expect(texts).toEqual(["one ", "", "STOY ", ""]);
  expect(whole).toBe("one STOY ");
  expect(stopped).toBe(true);
  expect(tokens.map((settled) => text(settled.bytes))).toEqual(["one S", "TO", "Y "]);
});

test("of several stop strings the earliest wins", () => {
  expect(run([token("abcdef")], ["de", "bc"]).text).toBe("a");
});

test("an end that only begins a stop string is sent at the end", () => {
  expect(run(["x", "ST"].map(token), ["STOP"])).toMatchObject({ text: "xST", stopped: false });
});

test("control tokens are reported and are no text", () => {
  const end: GeneratedToken = { id: 9, bytes: new TextEncoder().encode("### End"), control: true };
  const { text: whole, tokens } = run([token("hi"), end], []);
  expect(whole).toBe("hi");
  expect(tokens.map(({ id }) => id)).toEqual([0, 9]);
});

test("bytes that are no UTF-8 become U+FFFD", () => {
  expect(run([token("a"), token(Uint8Array.of(0xe6)), token("b")], []).text).toBe("a\ufffdb");
});

test("a character that the end leaves unfinished is no text, and its token is told all the same", () => {
  const { text: whole, tokens } = run([token("a", 1), token(Uint8Array.of(0xe6, 0x97), 2)], []);
  expect(whole).toBe("a");
  expect(tokens.map(({ id }) => id)).toEqual([1, 2]);
});

test("equals cutting the text so far whenever a stop string is complete, and its tokens spell what was sent", () => {
  const alphabet = fc.constantFrom("a", "b", "ab", "é", "🙂", " ", "日");
  fc.assert(
    fc.property(
      fc.array(alphabet, { maxLength: 20 }),
      fc.array(fc.array(alphabet, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 }),
      (pieces, stopPieces, cuts) => {
        const whole = pieces.join("");
        const stops = stopPieces.map((stop) => stop.join(""));
        const bytes = new TextEncoder().encode(whole);
        const tokens: GeneratedToken[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 1;
          tokens.push(token(bytes.slice(at, at + length), turn));
          at += length;
        }
        // The answer ends with the first token that completes a stop string, and is cut where the earliest one begins.
        let expected = whole;
        let ends = false;
        for (let count = 1; count <= tokens.length && !ends; count += 1) {
          const soFar = Buffer.concat(tokens.slice(0, count).map((next) => next.bytes));
          const found = stops.map((stop) => soFar.indexOf(stop)).filter((at) => at >= 0);
          ends = found.length > 0;
          if (ends) expected = soFar.subarray(0, Math.min(...found)).toString("utf8");
        }
        const result = run(tokens, stops);
        expect(result.text).toBe(expected);
        expect(result.stopped).toBe(ends);
        const spelled = Buffer.concat(result.tokens.map((settled) => settled.bytes));
        expect(spelled.toString("utf8")).toBe(expected);
        expect(result.tokens.map(({ id }) => id)).toEqual(result.tokens.map((_, index) => index));
      },
    ),
    { numRuns: 2000 },
  );
});
