import { afterAll } from "vitest";
import { driverContract } from "../../contract/driver-contract.ts";
import { embeddedModel } from "../../golden-data.ts";
import { loadModel, removeCache } from "./driver-fixture.ts";

afterAll(removeCache);

driverContract("llama-cpp", {
  load: async () => (await loadModel({ model: embeddedModel, type: "f32", parallel: 2 })).model,
  question: "How many NBA basketball teams are in California?",
  stop: "Los Angeles",
});
