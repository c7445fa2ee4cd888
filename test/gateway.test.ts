import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { parseConfig } from "../src/config/load.ts";
import { defineDriver } from "../src/core/driver.ts";
import { OperatorError } from "../src/errors.ts";
import { createGateway, type Gateway } from "../src/gateway.ts";
import {
  Clock,
  context,
  gate,
  never,
  recordingLog,
  type TestDriverOptions,
  testDriver,
} from "./routing/stand-ins.ts";

const open: Gateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

/** A gateway on a free port of the loopback over one scripted model, "tiny". */
async function gatewayOf(options: TestDriverOptions, settings: object = {}) {
  const scripted = testDriver(options);
  const driver = defineDriver({
    name: "test",
    about: "For tests.",
    options: z.strictObject({}),
    paths: [],
    inspect: (_options, given) => scripted.inspect(given),
    load: (_options, given, signal) => scripted.load(given, signal),
  });
  const models = { tiny: { preload: true, placements: [{ driver: "test" }] } };
  const data = { port: 0, models, ...settings };
  const config = parseConfig({ data, hidden: new Set(), where: () => "" }, [], [driver], ["plain"]);
  const gateway = await createGateway({
    config,
    drivers: [driver],
    folder: "/",
    cacheDir: "",
    log: context(recordingLog()).log,
    showLoad: () => ({ update: () => undefined, end: () => undefined }),
    after: new Clock().after,
  });
  open.push(gateway);
  return { gateway, scripted };
}

const chat = (address: string) =>
  fetch(`${address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tiny", messages: [{ role: "user", content: "hello" }] }),
  });

test("it listens before its models are loaded, is ready when they are, and answers", async () => {
  const loading = gate();
  const { gateway, scripted } = await gatewayOf({ load: () => loading.passed });
  const address = await gateway.listen();
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const preloaded = gateway.preload(never);
  expect((await fetch(`${address}/health`)).status).toBe(200);
  expect((await fetch(`${address}/ready`)).status).toBe(503);
  const asked = chat(address);
  loading.open();
  await preloaded;
  expect((await asked).status).toBe(200);
  expect((await fetch(`${address}/ready`)).status).toBe(200);
  expect(scripted.loads).toBe(1);
});

test("a model that cannot be loaded fails the preload with its reason, and a request with an ordinary error", async () => {
  const { gateway } = await gatewayOf({
    load: () => Promise.reject(new OperatorError("/secret: truncated")),
  });
  const address = await gateway.listen();
  await expect(gateway.preload(never)).rejects.toThrow("/secret: truncated");
  const answer = await chat(address);
  expect(answer.status).toBeGreaterThanOrEqual(500);
  const body = await answer.text();
  expect(JSON.parse(body)).toMatchObject({ error: { code: "model_load_failed" } });
  expect(body).not.toContain("secret");
});

test("closing frees the port and the models, and a busy port is an error that names it", async () => {
  const first = await gatewayOf({});
  const address = await first.gateway.listen();
  await first.gateway.preload(never);
  const port = Number(new URL(address).port);
  const second = await gatewayOf({}, { port });
  await expect(second.gateway.listen()).rejects.toThrow(`127.0.0.1:${port} is in use`);
  await first.gateway.close();
  expect(first.scripted.closes).toBe(1);
  expect(await second.gateway.listen()).toBe(address);
});
