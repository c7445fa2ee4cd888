import fc from "fast-check";
import { expect, test } from "vitest";
import { callHead } from "../../src/core/generation.ts";
import { CallReader, type Reading } from "../../src/endpoints/tools/call-reader.ts";

const functions = ["add", "add_two", "say"].map((name) => ({ name }));

/** The readings of a text that comes in pieces, with neighbours of one kind joined. */
function read(pieces: readonly string[], only = false): Reading[] {
  const reader = new CallReader({ functions, only: only ? functions[0] : undefined });
  const all = [...reader.start(), ...pieces.flatMap((piece) => reader.push(piece)), ...reader.finish()];
  const joined: Reading[] = [];
  for (const reading of all) {
    const last = joined.at(-1);
    if (last?.type === "text" && reading.type === "text") {
      joined[joined.length - 1] = { ...last, text: last.text + reading.text };
    } else if (last?.type === "arguments" && reading.type === "arguments") {
      joined[joined.length - 1] = { ...last, text: last.text + reading.text };
    } else joined.push(reading);
  }
  return joined;
}

/** A text cut into pieces anywhere. */
const cut = (text: string) =>
  fc
    .array(fc.nat(text.length), { maxLength: 12 })
    .map((places) => [0, ...places.toSorted((a, b) => a - b), text.length])
    .map((places) => places.slice(1).map((place, index) => text.slice(places[index], place)));

test("calls are told with their arguments, however the text is cut", () => {
  const calls = fc.array(
    fc.tuple(fc.constantFrom("add", "add_two", "say"), fc.dictionary(fc.string(), fc.jsonValue())),
    { minLength: 1, maxLength: 3 },
  );
  const cutCalls = calls.chain((made) => {
    const lines = made.map(([name, value]) => `${callHead(name)}${JSON.stringify(value)}}`);
    return fc.tuple(fc.constant(made), cut(lines.join("\n")));
  });
  fc.assert(
    fc.property(cutCalls, ([made, pieces]) => {
      const expected = made.flatMap(([name, value], call): Reading[] => [
        { type: "call", call, name },
        { type: "arguments", call, text: JSON.stringify(value) },
      ]);
      expect(read(pieces)).toEqual(expected);
    }),
  );
});

test("any other text is passed on as it is", () => {
  const text = fc.string().filter((value) => value !== "" && !value.startsWith("{"));
  fc.assert(
    fc.property(
      text.chain((value) => fc.tuple(fc.constant(value), cut(value))),
      ([value, pieces]) => {
        expect(read(pieces)).toEqual([{ type: "text", text: value }]);
      },
    ),
  );
});

test.each([
  ["a head that is not finished", '{"name": "ad'],
  ["a call of another function", '{"name": "subtract", "arguments": {}}'],
  ["other JSON", '{"nam'],
])("%s is text", (_, value) => {
  expect(read([...value])).toEqual([{ type: "text", text: value }]);
});

test("a call that is cut has the arguments so far", () => {
  expect(read([`${callHead("add")}{"a": [1, `])).toEqual([
    { type: "call", call: 0, name: "add" },
    { type: "arguments", call: 0, text: '{"a": [1, ' },
  ]);
});

test("an answer that is arguments alone is the call of its one function", () => {
  expect(read(['{"a"', ": 1}"], true)).toEqual([
    { type: "call", call: 0, name: "add" },
    { type: "arguments", call: 0, text: '{"a": 1}' },
  ]);
});
