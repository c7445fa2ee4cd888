import { afterAll } from "vitest";
import { driverContract } from "../../contract/driver-contract.ts";
import { embeddedModel, golden } from "../../golden-data.ts";
import { loadModel, removeCache } from "./driver-fixture.ts";

afterAll(removeCache);

interface Case {
  readonly instruction: string;
  readonly context: string | null;
  readonly first_tie: number | null;
}

driverContract("onnx", {
  load: async () => (await loadModel({ model: embeddedModel, type: "f32", parallel: 2 })).model,
  question: "How many NBA basketball teams are in California?",
  sure: golden<{ cases: Case[] }>("dolly-v2-tiny.json")
    .cases.filter(({ context, first_tie }) => context === null && first_tie === null)
    .map(({ instruction }) => instruction),
  stop: "Los Angeles",
});
