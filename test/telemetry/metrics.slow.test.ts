import { expect, test } from "vitest";
import { startGateway } from "../gateway-fixture.ts";
import { sample } from "./observed-gateway.ts";

const model = { gen_ai_request_model: "dolly-v2-tiny" };
const placement = { placement: "dolly-v2-tiny/0", driver: "llama-cpp" };

test("a real engine's slots, KV cache, memory, cached prompts and restarts are on the page", async () => {
  const gateway = await startGateway();
  try {
    const scrape = async () => (await fetch(`${gateway.address}/metrics`)).text();
    const value = async (name: string, labels = {}) => sample(await scrape(), name, { ...model, ...labels });
    const client = gateway.client();
    const messages = [{ role: "user" as const, content: "Say it again and again." }];
    const ask = { model: "dolly-v2-tiny", messages };
    await client.chat.completions.create({ ...ask, max_tokens: 1 });
    const prompt = await value("dolly_prompt_tokens_total");
    expect(prompt).toBeGreaterThan(10);
    expect(await value("dolly_cached_prompt_tokens_total")).toBe(0);

    const stream = await client.chat.completions.create({
      ...ask,
      max_tokens: 900,
      stream: true,
      logit_bias: { "0": -100, "6141": -100 },
    });
    await expect.poll(() => value("dolly_kv_cache_usage_ratio", placement)).toBeGreaterThan(0);
    expect(await value("dolly_slots_busy", placement)).toBe(1);
    expect(await value("dolly_engine_memory_bytes", placement)).toBeGreaterThan(1e7);
    stream.controller.abort();
    await expect.poll(() => value("dolly_kv_cache_usage_ratio", placement)).toBe(0);
    // All of the first prompt but its last token, which has to be computed for its logits.
    expect(await value("dolly_cached_prompt_tokens_total")).toBe(prompt - 1);

    expect(await value("dolly_engine_restarts_total", placement)).toBe(0);
    for (const pid of gateway.enginePids()) process.kill(pid, "SIGKILL");
    await expect.poll(() => value("dolly_engine_restarts_total", placement), { timeout: 20_000 }).toBe(1);
    expect(await value("dolly_placement_state", { ...placement, state: "ready" })).toBe(1);
  } finally {
    await gateway.stop();
  }
});
