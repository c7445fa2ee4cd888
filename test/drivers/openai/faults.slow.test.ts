import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openai } from "../../../drivers/openai/index.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { createGateway, type Gateway } from "../../../src/gateway.ts";
import { embeddedModel } from "../../golden-data.ts";
import { context, recordingLog } from "../../routing/stand-ins.ts";
import { driverFixture } from "../local/driver-fixture.ts";
import {
  ANSWER,
  CLIENT_FAULTS,
  FAULTS,
  type FaultyEngine,
  MOMENTS,
  type Moment,
  startFaultyEngine,
} from "./faulty-engine.ts";

const { loadContext, removeCache } = driverFixture(openai);
const cacheDir = mkdtempSync(join(tmpdir(), "faults-"));
const KEY = "sk-upstream-secret";
const log = recordingLog();

const cells = Object.keys(FAULTS).flatMap((fault) =>
  MOMENTS.flatMap((moment) =>
    [1, 2].flatMap((engines) => [false, true].map((stream) => ({ fault, moment, engines, stream }))),
  ),
);
const modelName = (fault: string, moment: Moment, engines: number): string =>
  `m-${Object.keys(FAULTS).indexOf(fault)}-${moment}-${engines}`;

let engine: FaultyEngine;
let gateway: Gateway;
let address = "";

beforeAll(async () => {
  const described = openai.bind({ api_base: "http://127.0.0.1:1/v1", tokenizer: embeddedModel });
  await described.inspect(loadContext());
  engine = await startFaultyEngine({ tokens: await idsOf(ANSWER), end: await endId() });
  const placement = (base: string) => ({
    driver: "openai",
    api_base: base,
    api_key: KEY,
    tokenizer: embeddedModel,
    first_token_timeout: 0.4,
    token_timeout: 0.4,
  });
  const models = Object.fromEntries([
    ...cells.map(({ fault, moment, engines }) => [
      modelName(fault, moment, engines),
      {
        template: "dolly-v2",
        placements: [
          placement(engine.base(fault, moment)),
          ...(engines === 2 ? [placement(engine.base())] : []),
        ],
      },
    ]),
    ["sound", { template: "dolly-v2", placements: [placement(engine.base())] }],
  ]);
  const data = { port: 0, models };
  const config = parseConfig(
    { data, hidden: new Set(), where: () => "" },
    [],
    [openai],
    ["dolly-v2", "plain"],
  );
  gateway = await createGateway({
    config,
    drivers: [openai],
    folder: "/",
    cacheDir,
    log: context(log).log,
    showLoad: () => ({ update: () => undefined, end: () => undefined }),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  });
  address = await gateway.listen();
});
afterAll(async () => {
  await gateway.close();
  await engine.close();
  rmSync(cacheDir, { recursive: true, force: true });
  removeCache();
});

async function idsOf(texts: readonly string[]): Promise<number[]> {
  const probe = await startFaultyEngine({ tokens: [], end: 0 });
  try {
    const bound = openai.bind({ api_base: probe.base(), tokenizer: embeddedModel });
    const model = await bound.load(loadContext(), new AbortController().signal);
    const ids = texts.map((text) => model.tokenize({ parts: [{ markup: text }], end: [] }));
    await model.close();
    return ids.flat();
  } finally {
    await probe.close();
  }
}
const endId = async (): Promise<number> => (await idsOf(["### End"]))[0] ?? -1;

interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly code: string | null;
  /** Whether the answer came to its end. */
  readonly whole: boolean;
}

async function ask(model: string, stream: boolean): Promise<Outcome> {
  const response = await fetch(`${address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Count." }], stream }),
  });
  const body = await response.text();
  expect(body).not.toContain(KEY);
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    const { choices, error } = JSON.parse(body);
    const [choice] = choices ?? [];
    return {
      status: response.status,
      text: choice?.message.content ?? "",
      code: error?.code ?? null,
      whole: choice?.finish_reason === "stop",
    };
  }
  const frames = body
    .split("\n\n")
    .filter((frame) => frame.startsWith("data: "))
    .map((frame) => frame.slice("data: ".length));
  const parsed = frames.filter((frame) => frame !== "[DONE]").map((frame) => JSON.parse(frame));
  return {
    status: response.status,
    text: parsed.map(({ choices }) => choices?.[0]?.delta.content ?? "").join(""),
    code: parsed.at(-1)?.error?.code ?? null,
    whole: frames.at(-1) === "[DONE]",
  };
}

const answered: Outcome = { status: 200, text: ANSWER.join(""), code: null, whole: true };

interface Cell {
  readonly fault: string;
  readonly moment: Moment;
  readonly engines: number;
  readonly stream: boolean;
}

/** What has to become of a request of which the client was told something: nothing is asked again. */
function told({ moment, stream }: Cell): Partial<Outcome> {
  const text = ANSWER.slice(0, moment === "middle" ? 2 : 3).join("");
  return stream
    ? { status: 200, text, code: "engine_crashed", whole: false }
    : { status: 500, code: "engine_crashed", whole: false };
}

/** What has to become of it otherwise. */
function untold({ fault, moment, engines }: Cell): Partial<Outcome> {
  if (moment === "answer" && CLIENT_FAULTS.includes(fault)) return { status: 400, code: "invalid_value" };
  if (engines === 2) return answered;
  return { status: 503, code: moment === "load" ? "model_load_failed" : "engine_unavailable" };
}

/** A connection that is closed may take with it what was on its way. */
const LOSES = ["a closed connection"];

function prescribed(cell: Cell): Partial<Outcome>[] {
  if (cell.moment !== "middle" && cell.moment !== "end") return [untold(cell)];
  return LOSES.includes(cell.fault) ? [told(cell), untold(cell)] : [told(cell)];
}

describe.each(Object.keys(FAULTS))("%s", (name) => {
  test.each(cells.filter(({ fault }) => fault === name))(
    "at $moment, with $engines engines, streaming: $stream",
    async (cell) => {
      const outcome = await ask(modelName(cell.fault, cell.moment, cell.engines), cell.stream);
      expect(prescribed(cell).map((one) => expect.objectContaining(one))).toContainEqual(outcome);
    },
  );
});

test("after all of it, the gateway answers, nothing is left running, and no log line holds a key", async () => {
  expect(await ask("sound", false)).toEqual(answered);
  expect(await ask("sound", true)).toEqual(answered);
  const routes = gateway.services.routes();
  const busy = routes.flatMap((route) =>
    gateway.services.placements(route).map(({ loaded }) => loaded?.busySlots ?? 0),
  );
  expect(Math.max(...busy)).toBe(0);
  expect(JSON.stringify(log.lines)).not.toContain(KEY);
});
