import { afterAll, beforeAll } from "vitest";
import { openai } from "../../../drivers/openai/index.ts";
import { driverContract } from "../../contract/driver-contract.ts";
import { type RunningGateway, startGateway } from "../../gateway-fixture.ts";
import { embeddedModel, golden } from "../../golden-data.ts";
import { driverFixture } from "../local/driver-fixture.ts";

const { loadContext, removeCache } = driverFixture(openai);

let upstream: RunningGateway;
beforeAll(async () => {
  upstream = await startGateway({ args: [embeddedModel, "--type", "f32"] });
});
afterAll(async () => {
  await upstream.stop();
  removeCache();
});

interface Case {
  readonly instruction: string;
  readonly context: string | null;
  readonly first_tie: number | null;
}

driverContract("openai, with this gateway as its engine", {
  load: () =>
    openai
      .bind({ api_base: `${upstream.address}/v1`, tokenizer: embeddedModel, parallel: 2 })
      .load(loadContext(), new AbortController().signal),
  question: "How many NBA basketball teams are in California?",
  sure: golden<{ cases: Case[] }>("dolly-v2-tiny.json")
    .cases.filter(({ context, first_tie }) => context === null && first_tie === null)
    .map(({ instruction }) => instruction),
  stop: "Los Angeles",
});
