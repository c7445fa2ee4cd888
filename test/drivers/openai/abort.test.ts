import { createServer } from "node:http";
import { afterAll, expect, test } from "vitest";
import { openai } from "../../../drivers/openai/index.ts";
import { driverFixture } from "../local/driver-fixture.ts";
import { closeEngine, MODELS, modelOf, REQUEST } from "./stand-in.ts";

const { loadContext, removeCache } = driverFixture(openai);

/** An engine whose whole answer arrives in one piece. */
const engine = createServer((request, response) => {
  if (request.url === "/v1/models") {
    response.setHeader("content-type", "application/json").end(MODELS);
    return;
  }
  const frame = (ids: readonly number[], finish: string | null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, text: "", token_ids: ids, finish_reason: finish }] })}\n\n`;
  const tokens = [20, 21, 22, 23].map((id) => frame([id], null)).join("");
  response.setHeader("content-type", "text/event-stream");
  request.resume().on("end", () => response.end(`${tokens}${frame([], "length")}data: [DONE]\n\n`));
});

afterAll(async () => {
  await closeEngine(engine);
  removeCache();
});

test("an abort ends a stream of which more has arrived than was read", async () => {
  const model = await modelOf(engine, loadContext());
  const abort = new AbortController();
  const reason = new Error("enough");
  const stream = model.generate(REQUEST, abort.signal);
  expect(await stream.next()).toMatchObject({ value: { type: "start" } });
  expect(await stream.next()).toMatchObject({ value: { type: "token" } });
  abort.abort(reason);
  await expect(stream.next()).rejects.toBe(reason);
  expect(model.status().busySlots).toBe(0);
  const whole = [];
  for await (const event of model.generate(REQUEST, new AbortController().signal)) whole.push(event.type);
  expect(whole).toEqual(["start", "token", "token", "token", "token", "finish"]);
  await model.close();
});
