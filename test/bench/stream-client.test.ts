import { expect, test } from "vitest";
import { readAnswer } from "../../bench/stream-client.ts";

const frame = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
const text = (added: string) => frame({ choices: [{ text: added }], usage: null });
const usage = frame({ choices: [], usage: { completion_tokens: 3 } });
const end = "data: [DONE]\n\n";

/** One piece of a stream every ten milliseconds. */
const arriving = (...pieces: (string | Uint8Array)[]) =>
  pieces.map((piece, index) => ({ ms: 10 * (index + 1), bytes: Buffer.from(piece) }));

test("an answer's text, tokens and times are read from its stream", () => {
  const answer = readAnswer(arriving(text(""), text("So"), text("-so"), text("!"), usage + end));
  expect(answer).toEqual({
    text: "So-so!",
    completionTokens: 3,
    textFrames: 3,
    firstTextMs: 20,
    lastTextMs: 40,
  });
});

test("chat chunks are read as well, and the usage of the last chunk with text", () => {
  const chunk = { choices: [{ delta: { content: "Yes" } }], usage: { completion_tokens: 1 } };
  const answer = readAnswer(arriving(frame({ choices: [{ delta: {} }] }), frame(chunk) + end));
  expect(answer).toMatchObject({ text: "Yes", completionTokens: 1, firstTextMs: 20 });
});

test("a frame counts when its last byte comes, though it was cut within a character", () => {
  const bytes = Buffer.from(text("é") + usage + end);
  const cut = bytes.indexOf("é") + 1;
  const answer = readAnswer(arriving(bytes.subarray(0, cut), bytes.subarray(cut)));
  expect(answer).toMatchObject({ text: "é", firstTextMs: 20 });
});

test.each([
  ["an error frame", [text("a"), frame({ error: { message: "gone" } })], "gone"],
  ["no end", [text("a"), usage], "ended without [DONE]"],
  ["no usage", [text("a"), end], "no usage"],
  ["no text", [text(""), usage, end], "no text"],
])("%s is no measurement", (_, pieces, message) => {
  expect(() => readAnswer(arriving(...pieces))).toThrow(message);
});
