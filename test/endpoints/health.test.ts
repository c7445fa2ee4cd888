import { expect, test } from "vitest";
import { endpoints } from "../../src/endpoints/index.ts";
import { openApi } from "../../src/endpoints/openapi.ts";
import { runningServer } from "../http/running-server.ts";

test("alive is not ready: a stuck engine shows in /ready, by the model's name and without internals", async () => {
  const { address, services, log } = await runningServer();
  expect((await fetch(`${address}/ready`)).status).toBe(200);
  services.script.readiness = { ready: false, problems: { "dolly-v2-3b": "no step since /secret/path" } };
  const answer = await fetch(`${address}/ready`);
  const body = await answer.text();
  expect(answer.status).toBe(503);
  expect(JSON.parse(body)).toMatchObject({
    error: { code: "engine_unavailable", message: "Not ready: dolly-v2-3b." },
  });
  expect(body).not.toContain("secret");
  expect(JSON.stringify(log.lines)).toContain("/secret/path");
  expect((await fetch(`${address}/health`)).status).toBe(200);
});

test("the OpenAPI document describes every endpoint", async () => {
  const { address } = await runningServer();
  const document = JSON.parse(await (await fetch(`${address}/openapi.json`)).text());
  expect(document).toEqual(JSON.parse(JSON.stringify(openApi(endpoints))));
  for (const { method, path } of endpoints)
    expect(document.paths[path][method].responses["200"]).toBeDefined();
  const { schema } = document.paths["/v1/chat/completions"].post.requestBody.content["application/json"];
  expect(schema.required).toEqual(["messages"]);
  expect(schema.properties.temperature.anyOf[0]).toMatchObject({ minimum: 0, maximum: 2 });
});
