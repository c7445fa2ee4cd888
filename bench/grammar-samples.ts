/** A schema with values that match it and values that do not, as JSON-Schema-Test-Suite has them. */
export interface SchemaGroup {
  readonly schema: unknown;
  readonly tests: readonly { readonly data: unknown; readonly valid: boolean }[];
}

const address = {
  type: "object",
  properties: {
    street: { type: "string", minLength: 1, maxLength: 80 },
    city: { type: "string" },
    zip: { type: "string", pattern: "^[0-9]{5}(-[0-9]{4})?$" },
    country: { enum: ["DE", "FR", "GB", "JP", "US"] },
  },
  required: ["street", "city", "country"],
  additionalProperties: false,
};

/** Schemas as applications send them, with values. */
export const samples: readonly SchemaGroup[] = [
  {
    schema: {
      type: "object",
      properties: {
        name: { type: "string" },
        age: { type: "integer", minimum: 0, maximum: 150 },
        email: { type: "string", format: "email" },
        addresses: { type: "array", items: address, maxItems: 5 },
      },
      required: ["name", "age"],
      additionalProperties: false,
    },
    tests: [
      {
        valid: true,
        data: {
          name: "Ada Lovelace",
          age: 36,
          email: "ada@example.org",
          addresses: [{ street: "12 St James's Square", city: "London", country: "GB" }],
        },
      },
      { valid: false, data: { name: "Ada", age: 151 } },
    ],
  },
  {
    schema: {
      $defs: {
        step: {
          type: "object",
          properties: { explanation: { type: "string" }, output: { type: "string" } },
          required: ["explanation", "output"],
          additionalProperties: false,
        },
      },
      type: "object",
      properties: {
        steps: { type: "array", items: { $ref: "#/$defs/step" } },
        final_answer: { type: "number" },
      },
      required: ["steps", "final_answer"],
      additionalProperties: false,
    },
    tests: [
      {
        valid: true,
        data: {
          steps: [
            { explanation: "Take 7 from both sides of 8x + 7 = -23.", output: "8x = -30" },
            { explanation: "Divide both sides by 8.", output: "x = -3.75" },
          ],
          final_answer: -3.75,
        },
      },
      { valid: false, data: { steps: [{ explanation: "?" }], final_answer: 1 } },
    ],
  },
  {
    schema: {
      oneOf: [
        {
          type: "object",
          properties: { type: { const: "circle" }, radius: { type: "number", exclusiveMinimum: 0 } },
          required: ["type", "radius"],
        },
        {
          type: "object",
          properties: { type: { const: "square" }, side: { type: "number", exclusiveMinimum: 0 } },
          required: ["type", "side"],
        },
      ],
    },
    tests: [
      { valid: true, data: { type: "square", side: 2.5, note: "any other member" } },
      { valid: false, data: { type: "circle", side: 2.5 } },
    ],
  },
];
