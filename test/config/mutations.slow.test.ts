import fc from "fast-check";
import { expect, test } from "vitest";
import { readDocument } from "../../src/config/document.ts";
import { parseConfig } from "../../src/config/load.ts";
import { OperatorError } from "../../src/errors.ts";
import { testDrivers } from "./drivers.ts";

const whole = `host: 127.0.0.1
default_model: a
models:
  a: &base
    aliases: [x, "y"]
    parameters: { temperature: 0.5, max_tokens: 5 }
    placements:
      - driver: llama-cpp
        model: \${env.HOME}/m
      - { driver: script }
  b:
    <<: *base
    aliases: []
`;

/** What a person gets for any file: a config, or an error whose every line begins with a place in that file. */
function outcome(bytes: Uint8Array): void {
  try {
    parseConfig(readDocument("f.yaml", bytes, { HOME: "/h" }), [], testDrivers, ["plain"]);
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    const lines = error instanceof OperatorError ? error.message.split("\n") : [];
    for (const line of lines) expect(line).toMatch(/^(f\.yaml(:\d+:\d+)?: .|and \d+ more$)/);
  }
}

const encoder = new TextEncoder();

test("a file that is cut anywhere is read or explained", () => {
  for (let length = 0; length <= whole.length; length += 3) outcome(encoder.encode(whole.slice(0, length)));
});

test("a file with strange text put in anywhere is read or explained", () => {
  const strange = fc.oneof(
    fc.constantFrom(
      "\t",
      "{",
      "}",
      "[",
      "]",
      ":",
      "- ",
      "&a ",
      "*a",
      "*base",
      "<<",
      "!!js/function ",
      "|",
      "? ",
      "\0",
    ),
    fc.constantFrom(
      "__proto__: 1\n",
      "constructor: {}\n",
      "~",
      "1e999",
      ".nan",
      "${env.",
      "%YAML 9\n",
      "---\n",
    ),
    fc.string({ unit: "binary", maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.nat(whole.length), fc.nat(8), strange, (at, cut, text) => {
      outcome(encoder.encode(whole.slice(0, at) + text + whole.slice(at + cut)));
    }),
    { numRuns: 100 },
  );
});

test("bytes are read or explained", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), outcome));
});
