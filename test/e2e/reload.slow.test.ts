import { renameSync, writeFileSync } from "node:fs";
import OpenAI from "openai";
import { afterEach, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

const running: RunningGateway[] = [];
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop();
});

const KEY = "sk-test-0123456789abcdef";
const model = (name: string, more = "") =>
  `  ${name}:\n    placements: [{ driver: fake, tokens_per_second: 4000${more} }]\n`;
const file = (models: string, more = "") => `version: 1\n${more}models:\n${models}`;

/** A gateway, what writes its file as editors do, and what has it read the file. */
async function started(config: string) {
  const gateway = await startGateway({ config });
  running.push(gateway);
  const { configFile } = gateway;
  return {
    gateway,
    write(text: string) {
      writeFileSync(`${configFile}.new`, text);
      renameSync(`${configFile}.new`, configFile);
    },
    async reload() {
      const answer = await fetch(`${gateway.address}/admin/reload`, { method: "POST" });
      return {
        status: answer.status,
        body: JSON.parse(await answer.text()) as { error?: { message: string } },
      };
    },
    state: async () =>
      JSON.parse(await (await fetch(`${gateway.address}/admin/config`)).text()) as {
        generation: number;
        reloads: { applied: number; unchanged: number; refused: number };
        refusal: { trigger: string; message: string } | null;
      },
    async ask(name: string, apiKey = "unused") {
      const client = new OpenAI({ baseURL: `${gateway.address}/v1`, apiKey, maxRetries: 0 });
      const stream = await client.chat.completions.create({
        model: name,
        messages: [{ role: "user", content: "one two three" }],
        stream: true,
      });
      let text = "";
      let reason: string | null = null;
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? "";
        reason ??= choices[0]?.finish_reason ?? null;
      }
      return { text, reason };
    },
  };
}

test("a file that changes is applied; a wrong one changes nothing and is told with line and key", async () => {
  const { write, state, ask, gateway } = await started(file(model("a")));
  expect((await ask("a")).reason).toBe("stop");
  write(file(model("a") + model("b")));
  await expect.poll(async () => (await state()).generation, { timeout: 10_000 }).toBe(2);
  expect((await ask("b")).reason).toBe("stop");
  write(file(`${model("a")}${model("b", ", speed: 3")}`));
  await expect.poll(async () => (await state()).reloads.refused, { timeout: 10_000 }).toBe(1);
  const { refusal, generation } = await state();
  expect(generation).toBe(2);
  expect(refusal).toMatchObject({
    trigger: "file",
    message: expect.stringMatching(/dolly\.yaml:6:\d+: models\.b\.placements\[0\]\.speed: unknown key/),
  });
  expect(gateway.output()).toMatch(/the configuration was refused.*|models\.b\.placements\[0\]\.speed/);
  expect((await ask("b")).reason).toBe("stop");
  write(file(model("b")));
  await expect.poll(async () => (await state()).refusal, { timeout: 10_000 }).toBeNull();
  await expect(ask("a")).rejects.toMatchObject({ status: 404 });
  expect((await ask("b")).reason).toBe("stop");
});

test("SIGHUP and POST /admin/reload read it too, and say what changed and what waits for a restart", async () => {
  const { write, state, reload, gateway } = await started(file(model("a"), "watch_config: false\n"));
  write(file(model("a") + model("b"), "watch_config: false\n"));
  gateway.process.kill("SIGHUP");
  await expect.poll(async () => (await state()).generation, { timeout: 10_000 }).toBe(2);
  const keys = `watch_config: false\nshutdown_grace: 5\napi_keys: [{ name: ann, key: ${KEY} }]\n`;
  write(file(model("b"), keys));
  expect(await reload()).toEqual({
    status: 200,
    body: {
      object: "admin.reload",
      generation: 3,
      models: { added: [], removed: ["a"], changed: [] },
      keys: { added: ["ann"], removed: [], changed: [] },
      restart_required: ["shutdown_grace"],
    },
  });
  expect((await fetch(`${gateway.address}/v1/models`)).status).toBe(401);
  write("models: {");
  const refused = await reload();
  expect(refused.status).toBe(400);
  expect(refused.body.error?.message).toMatch(/dolly\.yaml:\d+:\d+/);
  const audits = () =>
    gateway
      .output()
      .split("\n")
      .filter((line) => line.includes('"audit":"reload"'))
      .map((line) => (JSON.parse(line) as { outcome: string }).outcome);
  await expect.poll(audits).toEqual(["done", "done", "invalid_config"]);
});

test("an answer that runs when its model is removed comes to its end", async () => {
  const { write, reload, ask } = await started(
    file("  slow:\n    placements: [{ driver: fake, tokens_per_second: 100 }]\n", "watch_config: false\n"),
  );
  const answer = ask("slow");
  await new Promise((resolve) => setTimeout(resolve, 200));
  write(file(model("other"), "watch_config: false\n"));
  expect((await reload()).status).toBe(200);
  await expect(ask("slow")).rejects.toMatchObject({ status: 404 });
  const whole = await answer;
  expect(whole.reason).toBe("stop");
  expect(whole.text).toContain("one two three");
});

test("200 reloads under load, half of them of a wrong file, fail no request", async () => {
  const settings = "watch_config: false\n";
  const { write, reload, ask, state } = await started(file(model("a"), settings));
  let ended = false;
  const outcomes: string[] = [];
  const load = Array.from({ length: 8 }, async () => {
    while (!ended)
      outcomes.push((await ask("a").catch((error: unknown) => ({ reason: String(error) }))).reason ?? "cut");
  });
  for (let at = 0; at < 200; at += 1) {
    const changed = `, parallel: ${16 + (at % 4)}`;
    write(
      file(at % 2 === 0 ? model("a", changed) + model(`b${at}`) : model("a", ", parallel: none"), settings),
    );
    expect((await reload()).status).toBe(at % 2 === 0 ? 200 : 400);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ended = true;
  await Promise.all(load);
  expect(outcomes.length).toBeGreaterThan(50);
  expect(new Set(outcomes)).toEqual(new Set(["stop"]));
  expect(await state()).toMatchObject({
    generation: 101,
    reloads: { applied: 100, unchanged: 0, refused: 100 },
  });
});
