import { request } from "node:http";
import { expect, test } from "vitest";
import { runningServer } from "../http/running-server.ts";

const PATH = "/admin/models";

test("tells operators where the placements of each model stand", async () => {
  const { address } = await runningServer();
  const list = await (await fetch(`${address}${PATH}`)).json();
  expect(list).toMatchObject({ object: "list", data: [{ id: "dolly-v2-3b" }, { id: "databricks/base" }] });
  const one = await (await fetch(`${address}${PATH}/gpt-4o`)).json();
  expect(one).toEqual({
    id: "dolly-v2-3b",
    object: "admin.model",
    placements: [
      {
        id: "dolly/0",
        driver: "fake",
        state: "ready",
        progress: null,
        precision: "f16",
        context_length: 512,
        memory_bytes: 3,
        slots: { total: 4, busy: 1 },
        kv_usage: 0.25,
        queued_requests: 2,
        restarts: 0,
      },
    ],
  });
});

test("loads and unloads by name or alias, slashes and all, and needs no body", async () => {
  const { address, services, log } = await runningServer();
  for (const path of ["gpt-4o/load", "databricks/base/unload"]) {
    const answer = await fetch(`${address}${PATH}/${path}`, { method: "POST" });
    expect(answer.status).toBe(200);
  }
  expect(services.operations).toEqual(["load dolly-v2-3b", "unload databricks/base"]);
  expect(log.lines.filter(({ fields }) => "audit" in fields)).toHaveLength(2);
  const unknown = await fetch(`${address}${PATH}/..%2f..%2fetc/load`, { method: "POST" });
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { code: "model_not_found" } }]);
  const wrong = await fetch(`${address}${PATH}/gpt-4o/load`);
  expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
});

test.each([
  ["a proxy", { "x-forwarded-for": "10.0.0.1" }],
  ["another proxy", { forwarded: "for=10.0.0.1" }],
  ["a page of another site", { origin: "https://evil.example" }],
  ["a sandboxed page", { origin: "null" }],
])("without a key, %s is not let in", async (_, headers) => {
  const { address, services } = await runningServer();
  const answer = await fetch(`${address}${PATH}/gpt-4o/unload`, { method: "POST", headers });
  expect([answer.status, await answer.json()]).toMatchObject([
    403,
    { error: { code: "admin_not_allowed", type: "permission_error" } },
  ]);
  expect(services.operations).toEqual([]);
});

test("with a key, whoever shows it is let in, and nobody else", async () => {
  const adminKey = "correct horse";
  const { address, log } = await runningServer({}, { settings: { adminKey: "correct-horse" } });
  const ask = (headers: Record<string, string>) => fetch(`${address}${PATH}`, { headers });
  expect((await ask({ authorization: "Bearer correct-horse", "x-forwarded-for": "10.0.0.1" })).status).toBe(
    200,
  );
  for (const authorization of ["", "Bearer", "Bearer correct-hors", "Basic correct-horse", adminKey]) {
    const answer = await ask(authorization === "" ? {} : { authorization });
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await answer.json()).toMatchObject({ error: { code: "invalid_api_key" } });
  }
  expect(JSON.stringify(log.lines)).not.toContain("correct");
});

test("requests are told apart by the key that they show, which itself goes nowhere", async () => {
  const { address, services } = await runningServer();
  const ask = (headers: Record<string, string>) =>
    new Promise<void>((resolve) => {
      const body = JSON.stringify({ model: "dolly-v2-3b", prompt: "a", priority: 3 });
      request(`${address}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
      })
        .on("response", (response) => response.resume().on("end", () => resolve()))
        .end(body);
    });
  for (const authorization of ["Bearer one", "Bearer two", "bearer one"]) await ask({ authorization });
  await ask({});
  const tenants = services.requests.map(({ tenant }) => tenant);
  expect(tenants[0]).toMatch(/^[0-9a-f]{16}$/);
  expect(tenants[2]).toBe(tenants[0]);
  expect(tenants[1]).not.toBe(tenants[0]);
  expect(tenants[3]).toBe("");
  expect(services.requests[0]).toMatchObject({ priority: 3, maxTimeMs: 600_000 });
});
