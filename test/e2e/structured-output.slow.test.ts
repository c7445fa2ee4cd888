import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { validates } from "../drivers/local/grammar/constrained.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";

const recipe = {
  type: "object",
  properties: {
    title: { type: "string", minLength: 3, maxLength: 40 },
    minutes: { type: "integer", minimum: 1, maximum: 240 },
    level: { enum: ["easy", "hard"] },
    tags: { type: "array", items: { enum: ["soup", "bread", "sweet"] }, uniqueItems: true, maxItems: 2 },
  },
  required: ["title", "minutes", "level", "tags"],
  additionalProperties: false,
};

const question = {
  model: "dolly-v2-tiny",
  messages: [{ role: "user" as const, content: "How do I bake bread?" }],
};
const format = (schema: Record<string, unknown>, strict = false) => ({
  type: "json_schema" as const,
  json_schema: { name: "recipe", schema, strict },
});

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ args: [embeddedModel] });
});
afterAll(async () => {
  await gateway.stop();
});

interface Answer {
  readonly error?: { readonly param: string; readonly message: string };
  readonly choices?: readonly { readonly text?: string }[];
}

async function post(path: string, body: object): Promise<{ status: number; body: Answer }> {
  const response = await fetch(`${gateway.address}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

describe("response_format", () => {
  test.each([0, 1, 2])(
    "every answer matches its schema at temperature %d, several at once",
    async (temperature) => {
      const answer = await gateway.client().chat.completions.create({
        ...question,
        temperature,
        seed: 4,
        n: 4,
        max_tokens: 400,
        response_format: format(recipe),
      });
      expect(answer.choices).toHaveLength(4);
      for (const { message, finish_reason } of answer.choices) {
        expect(finish_reason).toBe("stop");
        expect(validates(recipe, JSON.parse(message.content ?? "")), message.content ?? "").toBe(true);
      }
    },
  );

  test("strict: members come in the schema's order", async () => {
    const { choices } = await gateway.client().chat.completions.create({
      ...question,
      temperature: 2,
      seed: 1,
      n: 4,
      max_tokens: 400,
      response_format: format(recipe, true),
    });
    for (const { message } of choices) {
      expect(Object.keys(JSON.parse(message.content ?? ""))).toEqual(["title", "minutes", "level", "tags"]);
    }
  });

  test("streams what it answers", async () => {
    const request = { ...question, temperature: 0, max_tokens: 400, response_format: format(recipe) };
    const whole = await gateway.client().chat.completions.create(request);
    let streamed = "";
    let finish: string | null = null;
    for await (const { choices } of await gateway
      .client()
      .chat.completions.create({ ...request, stream: true })) {
      streamed += choices[0]?.delta.content ?? "";
      finish = choices[0]?.finish_reason ?? finish;
    }
    expect(streamed).toBe(whole.choices[0]?.message.content);
    expect(finish).toBe("stop");
  });

  test("the SDK parses it", async () => {
    const { choices } = await gateway.client().chat.completions.parse({
      ...question,
      temperature: 0,
      max_tokens: 400,
      response_format: format(recipe, true),
    });
    expect(validates(recipe, choices[0]?.message.parsed)).toBe(true);
  });

  test("json_object gives an object, and a limit the only incomplete answer", async () => {
    const request = {
      ...question,
      temperature: 1,
      seed: 3,
      response_format: { type: "json_object" as const },
    };
    const short = await gateway.client().chat.completions.create({ ...request, max_tokens: 3 });
    expect(short.choices[0]?.finish_reason).toBe("length");
    const { choices } = await gateway.client().chat.completions.create({ ...request, n: 4, max_tokens: 600 });
    for (const { message, finish_reason } of choices) {
      if (finish_reason === "length") continue;
      expect(JSON.parse(message.content ?? "")).toBeTypeOf("object");
      expect(message.content).toMatch(/^\{/);
    }
  });

  test("text constrains nothing", async () => {
    const plain = { ...question, temperature: 0, max_tokens: 20 };
    const free = await gateway.client().chat.completions.create(plain);
    const text = await gateway
      .client()
      .chat.completions.create({ ...plain, response_format: { type: "text" } });
    expect(text.choices[0]?.message.content).toBe(free.choices[0]?.message.content);
  });
});

describe("structured_outputs", () => {
  const ask = async (structured_outputs: object, rest: object = {}): Promise<string> => {
    const { status, body } = await post("/v1/completions", {
      model: "dolly-v2-tiny",
      prompt: "The answer is",
      temperature: 1,
      seed: 2,
      max_tokens: 300,
      structured_outputs,
      ...rest,
    });
    expect(status, JSON.stringify(body)).toBe(200);
    return body.choices?.[0]?.text ?? "";
  };

  test("choice", async () => {
    expect(["yes", "no", "perhaps"]).toContain(await ask({ choice: ["yes", "no", "perhaps"] }));
  });
  test("regex", async () => {
    expect(await ask({ regex: "[A-Z][a-z]{2,8}, \\d{4}-\\d{2}" })).toMatch(/^[A-Z][a-z]{2,8}, \d{4}-\d{2}$/);
  });
  test("grammar", async () => {
    const grammar = 'root ::= item ("; " item){2}\nitem ::= [a-z]{3,6} | "<" item ">"';
    expect(await ask({ grammar })).toMatch(/^<*[a-z]{3,6}>*(; <*[a-z]{3,6}>*){2}$/);
  });
  test("json, as an object or as its text, and on chat", async () => {
    expect(validates(recipe, JSON.parse(await ask({ json: recipe })))).toBe(true);
    expect(validates(recipe, JSON.parse(await ask({ json: JSON.stringify(recipe) })))).toBe(true);
    const { body } = await post("/v1/chat/completions", {
      ...question,
      structured_outputs: { choice: ["a"] },
    });
    expect(body.choices?.[0]).toMatchObject({ message: { content: "a" }, finish_reason: "stop" });
  });
});

test.each([
  [
    { response_format: format({ type: "object", properties: { a: { type: "array", uniqueItems: true } } }) },
    "response_format.json_schema.schema.properties.a.uniqueItems",
  ],
  [
    { response_format: format({ $ref: "https://example.com/schema" }) },
    "response_format.json_schema.schema.$ref",
  ],
  [{ structured_outputs: { regex: "(a)\\1" } }, "structured_outputs.regex"],
  [{ structured_outputs: { grammar: "start ::= x" } }, "structured_outputs.grammar"],
  [{ structured_outputs: { json: "{" } }, "structured_outputs.json"],
  [{ structured_outputs: { regex: "a", choice: ["b"] } }, "structured_outputs"],
  [{ structured_outputs: { choice: ["b"] }, response_format: { type: "json_object" } }, "structured_outputs"],
  [{ structured_outputs: { choice: ["b"] }, stop: ["x"] }, "stop"],
  [{ response_format: { type: "json_schema" } }, "response_format.json_schema"],
])("%j is refused by name, streamed or not", async (asked, param) => {
  for (const stream of [false, true]) {
    const { status, body } = await post("/v1/chat/completions", { ...question, ...asked, stream });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ param, message: expect.any(String) });
  }
});

test("a schema that is refused costs the others nothing", async () => {
  const asked = Array.from({ length: 20 }, (_, index) =>
    post("/v1/chat/completions", {
      ...question,
      response_format: format({ pattern: `^(a|b)*a(a|b){${30 + index}}$` }),
    }),
  );
  const { choices } = await gateway
    .client()
    .chat.completions.create({ ...question, temperature: 0, max_tokens: 8 });
  expect(choices[0]?.message.content).toBeTruthy();
  for (const { status } of await Promise.all(asked)) expect(status).toBe(400);
});
