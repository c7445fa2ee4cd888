import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { startLocalModel } from "../../drivers/local/index.ts";
import { Tokenizer } from "../../drivers/local/tokenizer.ts";
import { tokenizerJsonSchema } from "../../drivers/local/tokenizer-json.ts";
import { parseConfig } from "../../src/config/load.ts";
import { type Driver, defineDriver, type ModelDescription } from "../../src/core/driver.ts";
import type { Log } from "../../src/core/log.ts";
import { createGateway, type Gateway } from "../../src/gateway.ts";
import type { ScriptedOptions } from "../drivers/local/scripted-engine.ts";
import { embeddedModel } from "../golden-data.ts";

const ROWS = 6144;
/** The token that makes the engine abort. */
export const POISON = 1234;
const NAME = "scripted";

const silent: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

/** A gateway in this process over the scripted engine, which is a process of its own. */
export async function scriptedGateway(slots: number): Promise<{ gateway: Gateway; address: string }> {
  const driver = scriptedDriver(slots);
  const data = { port: 0, models: { [NAME]: { placements: [{ driver: NAME }] } } };
  const config = parseConfig({ data, hidden: new Set(), where: () => "" }, [], [driver], ["plain"]);
  const gateway = await createGateway({
    config,
    drivers: [driver],
    folder: "/",
    cacheDir: "",
    log: silent,
    showLoad: () => ({ update: () => undefined, end: () => undefined }),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  });
  return { gateway, address: await gateway.listen() };
}

function scriptedDriver(slots: number): Driver {
  const json: unknown = JSON.parse(readFileSync(join(embeddedModel, "tokenizer.json"), "utf8"));
  const tokenizer = new Tokenizer(tokenizerJsonSchema.parse(json), ROWS);
  const options: ScriptedOptions = {
    slots,
    contextLength: 256,
    batchTokens: 64,
    vocabularySize: ROWS,
    poison: POISON,
  };
  const description: ModelDescription = {
    name: NAME,
    contextLength: options.contextLength,
    vocabularySize: ROWS,
    precision: "f32",
    controlTokens: tokenizer.controlTokens,
  };
  return defineDriver({
    name: NAME,
    about: "For tests.",
    options: z.strictObject({}),
    paths: [],
    inspect: async () => description,
    load: (_options, context, signal) =>
      startLocalModel(
        {
          description,
          fingerprint: "00",
          tokenizer,
          endOfText: 0,
          engine: { module: new URL("../drivers/local/scripted-engine.ts", import.meta.url).href, options },
          limits: { maxQueue: 64, queueTimeoutMs: 10_000, prefillChunk: 16, sharePrefixCache: false },
          loadTimeoutMs: 20_000,
          stallTimeoutMs: 60_000,
          context,
        },
        signal,
      ),
  });
}
