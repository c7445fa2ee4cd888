/** Values that few fields take, by what is wrong with them. */
export const badValues: readonly { readonly what: string; readonly value: unknown }[] = [
  { what: "below zero", value: -1 },
  { what: "a fraction", value: 1.5 },
  { what: "beyond every range", value: 1e308 },
  { what: "the smallest whole number", value: Number.MIN_SAFE_INTEGER },
  { what: "beyond whole numbers", value: 2 ** 53 },
  { what: "a word for no number", value: "NaN" },
  { what: "a word for a number", value: "0.5" },
  { what: "an empty text", value: "" },
  { what: "a lone surrogate", value: "a\ud800b" },
  { what: "a NUL", value: "\u0000" },
  { what: "a control string", value: "### End" },
  { what: "a text of 100,000 characters", value: "x".repeat(100_000) },
  { what: "an empty list", value: [] },
  { what: "a list of 100,000", value: Array(100_000).fill(1) },
  { what: "a list of lone surrogates", value: ["\udc00"] },
  { what: "a list of nothing", value: [null] },
  { what: "an empty object", value: {} },
  {
    what: "an object of 2,000 members",
    value: Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [at, 0])),
  },
  { what: "lists within lists", value: nested(40) },
  { what: "true", value: true },
  { what: "nothing", value: null },
];

function nested(depth: number): unknown {
  return depth === 0 ? "deep" : [nested(depth - 1)];
}
