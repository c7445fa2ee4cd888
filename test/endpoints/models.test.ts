import { expect, test } from "vitest";
import { modelCard } from "../../src/endpoints/model-card.ts";
import { runningServer } from "../http/running-server.ts";

test("models are listed with their card and what serves them", async () => {
  const { client } = await runningServer();
  const { data } = await client.models.list();
  expect(data).toEqual([
    {
      id: "dolly-v2-3b",
      object: "model",
      created: Date.UTC(2023, 3, 13) / 1000,
      owned_by: "databricks",
      license: "MIT",
      base_model: "EleutherAI/pythia-2.8b",
      limitations: expect.stringContaining("factual"),
      template: "dolly-v2",
      context_length: 512,
      driver: "scripted",
      precision: "f16",
      defaults: {
        temperature: 1,
        top_p: 0.92,
        top_k: 0,
        min_p: 0,
        presence_penalty: 0,
        frequency_penalty: 0,
        max_tokens: 256,
      },
    },
    expect.objectContaining({
      id: "databricks/base",
      license: null,
      context_length: null,
      template: "plain",
    }),
  ]);
});

test("one model is found by name and alias, also with a slash in it", async () => {
  const { client, address } = await runningServer();
  expect((await client.models.retrieve("gpt-4o")).id).toBe("dolly-v2-3b");
  expect((await client.models.retrieve("databricks/base")).id).toBe("databricks/base");
  expect(await (await fetch(`${address}/v1/models/databricks/base`)).json()).toMatchObject({
    id: "databricks/base",
  });
  await expect(client.models.retrieve("gpt-9")).rejects.toMatchObject({
    status: 404,
    code: "model_not_found",
  });
});

test("a card is found by the model's name with an owner before it or a precision after it, and never guessed", () => {
  expect(modelCard("databricks/dolly-v2-12b").license).toBe("MIT");
  expect(modelCard("dolly-v2-7b-q8_0").baseModel).toBe("EleutherAI/pythia-6.9b");
  expect(modelCard("dolly-v2-tiny").license).toBe("CC-BY-SA-3.0");
  expect(modelCard("dolly-v2-3bx").license).toBeNull();
  expect(modelCard("my-dolly-v2-3b").license).toBeNull();
});

test("/props tells llama.cpp's web UI of the first model, or of the one that is named", async () => {
  const { address } = await runningServer();
  const props = async (query: string) => (await fetch(`${address}/props${query}`)).json();
  expect(await props("")).toMatchObject({
    model_alias: "dolly-v2-3b",
    role: "model",
    modalities: { vision: false, audio: false },
    default_generation_settings: { params: { temperature: 1, top_p: 0.92, top_k: 0 } },
  });
  expect(await props("?model=databricks/base")).toMatchObject({ model_alias: "databricks/base" });
  expect((await fetch(`${address}/props?model=none`)).status).toBe(404);
});
