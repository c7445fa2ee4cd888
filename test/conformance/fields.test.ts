import { describe, expect, test } from "vitest";
import { IGNORED_HEADER } from "../../src/endpoints/define-endpoint.ts";
import { type Field, fieldsOf } from "../../src/endpoints/fields.ts";
import { endpoints } from "../../src/endpoints/index.ts";
import { chatBody, runningServer } from "../http/running-server.ts";
import { badValues } from "./bad-values.ts";

const bodies: Readonly<Record<string, object>> = {
  "/v1/chat/completions": chatBody({ max_tokens: 3 }),
  "/v1/completions": { model: "dolly-v2-3b", prompt: "a", max_tokens: 3 },
  "/v1/responses": { model: "dolly-v2-3b", input: "a", max_output_tokens: 3, store: false },
  "/tokenize": { model: "dolly-v2-3b", prompt: "a" },
  "/detokenize": { model: "dolly-v2-3b", tokens: [65] },
};

interface Told {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: Record<string, unknown> };
  readonly ignored: string | null;
}

const table = Object.keys(bodies).flatMap((path) => {
  const endpoint = endpoints.find((one) => one.path === path && one.method === "post");
  return endpoint === undefined ? [] : [{ path, fields: fieldsOf(endpoint) }];
});

/** Without what differs from answer to answer. */
function lasting({
  id: _,
  created: _c,
  created_at: _a,
  completed_at: _e,
  output,
  ...rest
}: Record<string, unknown>) {
  const items = Array.isArray(output)
    ? output.map(({ id: _i, ...item }: Record<string, unknown>) => item)
    : output;
  return { ...rest, output: items };
}

describe.each(table)("$path", ({ path, fields }) => {
  const of = (fate: Field["fate"]) => fields.filter((field) => field.fate === fate);

  async function sender() {
    const { post, services } = await runningServer();
    const send = async (more: object): Promise<Told> => {
      const answer = await post(path, { ...bodies[path], ...more });
      const text = await answer.text();
      const body = answer.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : {};
      return { status: answer.status, body, ignored: answer.headers.get(IGNORED_HEADER) };
    };
    return { send, services };
  }

  test("every field is told of in one place, with words", () => {
    const names = fields.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, about, fate } of fields) expect(about, `${name}, ${fate}`).toMatch(/\.$/);
  });

  test("an honoured field takes what it means, or says by its name what it does not take", async () => {
    const { send, services } = await sender();
    for (const { name } of of("honoured")) {
      let refusals = 0;
      for (const { what, value } of badValues) {
        const { status, body } = await send({ [name]: value });
        if (status === 200) continue;
        refusals += 1;
        const told = `${name}: ${what}: ${JSON.stringify(body)}`;
        expect([400, 404, 413], told).toContain(status);
        expect(Object.keys(body.error ?? {}).sort(), told).toEqual(["code", "message", "param", "type"]);
        expect(String(body.error?.["message"]).length, told).toBeLessThan(2000);
        const { param } = body.error ?? {};
        // A value may be right and not go with another field, which is then the one to name.
        expect(
          fields.some((field) => String(param).startsWith(field.name)),
          told,
        ).toBe(true);
      }
      expect(refusals, name).toBeGreaterThan(0);
    }
    expect(services.running).toBe(0);
  });

  test("an accepted field changes nothing, and is not called unknown", async () => {
    const { send } = await sender();
    const without = await send({});
    for (const { name } of of("accepted")) {
      for (const value of ["x", 3, { a: "b" }, null]) {
        const { status, body, ignored } = await send({ [name]: value });
        expect(status, name).toBe(200);
        expect(lasting(body), name).toEqual(lasting(without.body));
        expect(ignored, name).toBeNull();
      }
    }
  });

  test("a refused field is a 400 that names it, unless it asks for nothing", async () => {
    const { send } = await sender();
    for (const { name } of of("refused")) {
      const { status, body } = await send({ [name]: { some: "thing" } });
      expect(status, name).toBe(400);
      expect(body.error, name).toMatchObject({ code: "unsupported_parameter", param: name });
      expect((await send({ [name]: null })).status, name).toBe(200);
    }
  });

  test("an unknown field is ignored, and the answer says so", async () => {
    const { send } = await sender();
    expect(await send({ tempreature: 0.5 })).toMatchObject({ status: 200, ignored: "tempreature" });
  });
});
