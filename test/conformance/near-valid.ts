import fc from "fast-check";
import { z } from "zod";
import type { Field } from "../../src/endpoints/fields.ts";
import { badValues } from "./bad-values.ts";

/** Values of JSON as they are written, among them some that a writer of JSON never writes. */
const written = (values: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  values.map((value) => JSON.stringify(value) ?? "null");

const oddTexts = fc.constantFrom(
  "1e999",
  "-1e999",
  "-0",
  "1e-400",
  "12345678901234567890123456789",
  "NaN",
  "-Infinity",
  "01",
  '"\\ud800"',
  '{"__proto__":1}',
  '{"constructor":{"prototype":1}}',
  '{"toString":1,"hasOwnProperty":2}',
  '{"1":1,"1":200}',
  '{"type":"text","type":7}',
  `${"[".repeat(60)}${"]".repeat(60)}`,
  `${'{"a":'.repeat(100)}1${"}".repeat(100)}`,
);

const words = fc.oneof(
  fc.constantFrom(
    "",
    "a",
    "### End",
    "### Instruction:",
    "<|endoftext|>",
    "a\ud800",
    "\u2028",
    "function",
    "text",
  ),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const numbers = fc.constantFrom(
  -2,
  -1,
  -0.5,
  0,
  0.001,
  0.5,
  1,
  1.5,
  2,
  3,
  5,
  8,
  20,
  21,
  50_300,
  2 ** 31,
  1e300,
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 });

const schemas = fc.constantFrom<unknown[]>(
  {},
  true,
  false,
  { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
  { type: "object", properties: { a: { type: "integer" } }, required: "a" },
  { type: "objekt" },
  { type: ["string", "null"] },
  { $ref: "#" },
  { $ref: "#/$defs/none" },
  { $ref: "https://example.org/schema" },
  { allOf: [] },
  { anyOf: [{ type: "string" }, 3] },
  { enum: [] },
  { const: "a\ud800" },
  { not: {} },
  { type: "string", pattern: "(a+)+$" },
  { type: "string", pattern: "(" },
  { type: "number", minimum: "x" },
  { type: "array", items: { type: "string" }, minItems: 2, maxItems: 1 },
  { type: "array", minItems: 1e9 },
  { properties: { constructor: { type: "null" }, toString: {} } },
  7,
);
const call = fc.record({ name: words, arguments: words });
const part = fc.record({ type: fc.constantFrom("text", "input_text", "image_url"), text: maybe(words) });
const content = fc.oneof(words, fc.array(part, { maxLength: 3 }), fc.constantFrom(null, 7));
const role = fc.constantFrom("system", "developer", "user", "assistant", "tool", "function", "User", 1);
const message = fc.record(
  {
    role,
    content,
    name: words,
    tool_call_id: words,
    function_call: call,
    tool_calls: fc.array(fc.record({ id: words, type: fc.constantFrom("function", "x"), function: call }), {
      maxLength: 2,
    }),
  },
  { requiredKeys: ["role", "content"] },
);
const name = fc.constantFrom("f", "g", "a b", "", "__proto__");
const shape = fc.record({
  name,
  description: maybe(words),
  parameters: maybe(schemas),
  strict: maybe(fc.boolean()),
});
const kind = fc.constantFrom("function", "function", "web_search", "custom");
const choice = fc.oneof(
  fc.constantFrom("none", "auto", "required", "any", { type: "function" }),
  fc.record({ type: kind, function: fc.record({ name }) }),
  fc.record({ type: kind, name }),
  fc.record({
    type: fc.constant("allowed_tools"),
    mode: fc.constantFrom("auto", "required"),
    tools: fc.array(fc.record({ type: kind, name }), { maxLength: 2 }),
    allowed_tools: fc.record({
      mode: fc.constantFrom("auto", "required"),
      tools: fc.array(fc.record({ type: kind, function: fc.record({ name }) }), { maxLength: 2 }),
    }),
  }),
);
const format = fc.record({
  type: fc.constantFrom("text", "json_object", "json_schema", "xml"),
  name: maybe(name),
  schema: maybe(schemas),
  strict: maybe(fc.boolean()),
  json_schema: maybe(fc.record({ name, schema: maybe(schemas), strict: maybe(fc.boolean()) })),
});
const structured = fc.oneof(
  fc.record({ json: schemas }),
  fc.record({
    regex: fc.constantFrom("[", "(a|b)*", "a{1000000}", "(?=x)a", "\\d+", "", "(a*)*b", "[^\\x00-\\uffff]"),
  }),
  fc.record({ choice: fc.array(words, { maxLength: 3 }) }),
  fc.record({
    grammar: fc.constantFrom('root ::= "a"', "root ::= root", "", 'x ::= "a"', 'root ::= "a" root | ""'),
  }),
  fc.record({ json_object: fc.boolean(), regex: maybe(words) }),
);
const ids = fc.array(fc.constantFrom(0, 1, 65, 255, 259, 260, 50_279, 50_280, -1, 1.5), { maxLength: 4 });
const item = fc.oneof(
  message,
  fc.record({ type: fc.constant("message"), id: maybe(words), role, content }),
  fc.record({ type: fc.constant("function_call"), call_id: words, name, arguments: words }),
  fc.record({ type: fc.constant("function_call_output"), call_id: words, output: content }),
  fc.record({ type: fc.constantFrom("item_reference", "reasoning"), id: words }),
);

/** Values that are near to what each field takes, and some of which it takes. */
const near: ReadonlyMap<string, fc.Arbitrary<unknown>> = new Map(
  Object.entries<fc.Arbitrary<unknown>>({
    model: fc.constantFrom("none", ""),
    messages: fc.array(message, { maxLength: 4 }),
    documents: fc.array(fc.oneof(words, fc.record({ title: maybe(words), text: words })), { maxLength: 3 }),
    prompt: fc.oneof(words, ids, fc.array(words, { maxLength: 3 }), fc.array(ids, { maxLength: 3 })),
    input: fc.oneof(words, fc.array(item, { maxLength: 4 })),
    stop: fc.oneof(words, fc.array(words, { maxLength: 5 })),
    stop_token_ids: ids,
    logit_bias: fc.dictionary(fc.constantFrom("0", "65", "50279", "50280", "-1", "x", "1e3"), numbers),
    stream_options: fc.record({ include_usage: fc.boolean() }, { requiredKeys: [] }),
    tools: fc.array(
      fc.oneof(
        fc.record({ type: kind, function: shape }),
        fc.record({ type: kind, name, parameters: maybe(schemas) }),
      ),
      { maxLength: 3 },
    ),
    functions: fc.array(shape, { maxLength: 3 }),
    tool_choice: choice,
    function_call: choice,
    response_format: format,
    structured_outputs: structured,
    text: fc.record({ format, verbosity: maybe(fc.constantFrom("low", "medium")) }),
    include: fc.array(fc.constantFrom("message.output_text.logprobs", "reasoning.encrypted_content", "x")),
    metadata: fc.dictionary(words, words),
    truncation: fc.constantFrom("auto", "disabled", "x"),
  }),
);
/** Values within the ranges that a field's schema tells, where it is a number or a flag. */
function inRange({ schema }: Field): fc.Arbitrary<unknown> {
  const kinds = "anyOf" in schema && Array.isArray(schema.anyOf) ? schema.anyOf : [schema];
  const told = range.safeParse(kinds[0]);
  if (!told.success) return numbers;
  const { type, minimum = -2, maximum = 8 } = told.data;
  if (type === "boolean") return fc.boolean();
  const [min, max] = [Math.max(minimum, -2), Math.min(maximum, 8)];
  return type === "integer" ? fc.integer({ min, max }) : fc.double({ min, max, noNaN: true });
}
const range = z.object({
  type: z.enum(["boolean", "integer", "number"]),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});

/** What a field may be sent, as it is written in a body. */
function sent(field: Field): fc.Arbitrary<string> {
  const own = near.get(field.name) ?? inRange(field);
  return fc.oneof(
    { arbitrary: written(own), weight: 24 },
    { arbitrary: written(fc.oneof(numbers, fc.boolean(), fc.constantFrom(null, [], {}))), weight: 2 },
    { arbitrary: written(fc.constantFrom(...badValues.map(({ value }) => value))), weight: 1 },
    { arbitrary: oddTexts, weight: 1 },
  );
}

/**
 * Bodies as text: `body` with up to five more members, some of them twice, or of a name that every object has.
 * `short` keeps the answer short and is written last, where it counts.
 */
export function bodies(body: object, fields: readonly Field[], short: object): fc.Arbitrary<string> {
  const others = fields.filter(({ fate }) => fate !== "refused");
  const member = fc.oneof(
    { arbitrary: fc.constantFrom(...others).chain((field) => named(field.name, sent(field))), weight: 20 },
    { arbitrary: fc.constantFrom(...fields).chain((field) => named(field.name, sent(field))), weight: 1 },
    {
      arbitrary: fc
        .constantFrom("toString", "constructor", "hasOwnProperty", "__proto__", "")
        .chain((name) => named(name, fc.oneof(written(numbers), oddTexts))),
      weight: 1,
    },
  );
  const fixed = (members: object) =>
    Object.entries(members).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return fc
    .array(member, { minLength: 1, maxLength: 5 })
    .map((more) => `{${[...fixed(body), ...more, ...fixed(short)].join(",")}}`);
}

const named = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  value.map((text) => `${JSON.stringify(name)}:${text}`);
