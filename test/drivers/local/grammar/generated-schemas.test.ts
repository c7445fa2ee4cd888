import fc from "fast-check";
import { expect, test } from "vitest";
import { accepts, babble, ofSchema, refusal, validates } from "./constrained.ts";

const names = fc.constantFrom("a", "b", "ab", "é");
const small = fc.integer({ min: -3, max: 12 });
const count = fc.integer({ min: 0, max: 3 });

const scalar: fc.Arbitrary<object> = fc.oneof(
  fc.record({ type: fc.constantFrom("string", "integer", "number", "boolean", "null") }),
  fc.record(
    { type: fc.constant("string"), minLength: count, maxLength: fc.integer({ min: 1, max: 5 }) },
    { requiredKeys: ["type"] },
  ),
  fc.record(
    { pattern: fc.constantFrom("^a", "b$", "^[ab]*$", "é|a"), type: fc.constant("string") },
    { requiredKeys: ["pattern"] },
  ),
  fc.record(
    { type: fc.constant("integer"), minimum: small, maximum: small, multipleOf: fc.constantFrom(1, 2, 3) },
    { requiredKeys: ["type"] },
  ),
  fc.record(
    { type: fc.constant("number"), exclusiveMinimum: small, exclusiveMaximum: small },
    { requiredKeys: ["type"] },
  ),
  fc.record({
    enum: fc.array(fc.oneof(names, small, fc.boolean(), fc.constant(null)), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ const: fc.oneof(names, small) }),
);

const { schema } = fc.letrec<{ schema: object }>((tie) => {
  const inner = tie("schema");
  const list = fc.array(inner, { minLength: 1, maxLength: 3 });
  return {
    schema: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      scalar,
      fc.record(
        {
          type: fc.constant("object"),
          properties: fc.dictionary(names, inner, { maxKeys: 3 }),
          required: fc.uniqueArray(names, { maxLength: 2 }),
          additionalProperties: fc.oneof(fc.boolean(), inner),
          patternProperties: fc.dictionary(fc.constantFrom("^a", "b"), inner, { maxKeys: 1 }),
          maxProperties: count,
          minProperties: fc.constantFrom(0, 1),
        },
        { requiredKeys: ["type"] },
      ),
      fc.record(
        {
          type: fc.constant("array"),
          prefixItems: fc.array(inner, { minLength: 1, maxLength: 2 }),
          items: fc.oneof(fc.boolean(), inner),
          minItems: count,
          maxItems: count,
        },
        { requiredKeys: ["type"] },
      ),
      fc.record(
        { type: fc.constant("array"), contains: inner, maxContains: count, minItems: fc.constant(1) },
        { requiredKeys: ["type", "contains", "minItems"] },
      ),
      fc.record({ anyOf: list }),
      fc.record({ oneOf: list }),
      fc.record({ allOf: list }),
      fc.record({ not: scalar, type: fc.constantFrom("string", "integer") }),
      fc.record({ if: inner, then: inner, else: inner }),
    ),
  };
});

const value = fc.oneof(
  fc.json({ maxDepth: 2 }).map((text): unknown => JSON.parse(text)),
  names,
  small,
  fc.dictionary(names, fc.oneof(names, small, fc.array(small, { maxLength: 2 })), { maxKeys: 3 }),
  fc.array(fc.oneof(names, small, fc.dictionary(names, small, { maxKeys: 2 })), { maxLength: 3 }),
);

/** -0 is written as 0. */
const written = (of: unknown): unknown => JSON.parse(JSON.stringify(of));

test("of generated schemas, those that are accepted mean what a validator takes them for", () => {
  let compiled = 0;
  let valid = 0;
  fc.assert(
    fc.property(schema, fc.array(value, { minLength: 8, maxLength: 16 }), (of, values) => {
      const refused = refusal(ofSchema(of));
      if (refused !== undefined) {
        // Nothing matches, or the reason is said; either way no value is let through.
        expect(refused.message).toMatch(/no value matches|cannot be enforced/);
        if (/no value matches/.test(refused.message)) {
          for (const one of values.map(written)) expect(validates(of, one)).toBe(false);
        }
        return;
      }
      compiled += 1;
      for (const one of values.map(written)) {
        const expected = validates(of, one);
        if (expected) valid += 1;
        // Numbers with exponents are written only where nothing is asked of them.
        if (expected && /\de/.test(JSON.stringify(one))) continue;
        expect(accepts(ofSchema(of), JSON.stringify(one)), JSON.stringify(one)).toBe(expected);
      }
      const drawn = babble(ofSchema(of), compiled, 120);
      if (drawn !== undefined) expect(validates(of, JSON.parse(drawn)), drawn).toBe(true);
    }),
    { seed: 20, numRuns: 150 },
  );
  expect(compiled).toBeGreaterThan(80);
  expect(valid).toBeGreaterThan(80);
}, 60_000);
