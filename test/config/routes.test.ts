import { resolve } from "node:path";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { buildRoutes } from "../../src/config/routes.ts";
import { defineDriver } from "../../src/core/driver.ts";
import { OperatorError } from "../../src/errors.ts";
import { context, recordingLog, template } from "../routing/stand-ins.ts";
import { description, testDrivers } from "./drivers.ts";

const dolly = {
  ...template,
  name: "dolly-v2",
  defaults: { ...template.defaults, topP: 0.92, maxTokens: 256 },
};
const plain = { ...template, name: "plain" };

interface Asked {
  driver: string;
  options: unknown;
}

/** The test drivers, recording what they were bound to, with the given tokenizer or none that can be read. */
function routesOf(models: object, controlTokens: readonly string[] | undefined) {
  const asked: Asked[] = [];
  const drivers = testDrivers.map(({ name, about, options, paths }) => {
    const driver = defineDriver({
      name,
      about,
      options,
      paths,
      inspect: async () => {
        if (controlTokens === undefined) throw new OperatorError("tokenizer.json: no such file");
        return { ...description, controlTokens };
      },
      load: () => Promise.reject(new Error("nothing is loaded here")),
    });
    return {
      ...driver,
      bind(bound: unknown) {
        asked.push({ driver: name, options: bound });
        return driver.bind(bound);
      },
    };
  });
  const config = parseConfig({ data: { models }, hidden: new Set(), where: () => "" }, [], drivers, [
    "dolly-v2",
    "plain",
  ]);
  const routes = buildRoutes(config, {
    drivers,
    templateNamed: (name) => [dolly, plain].find((template) => template.name === name),
    chooseTemplate: (tokens) => (tokens.includes("### End") ? dolly : plain),
    folder: resolve("/etc/dolly"),
    machine: () => ({
      platform: "linux",
      arch: "x64",
      cores: 1,
      memory: 1e9,
      availableMemory: 1e9,
      gpus: [],
      providers: [],
    }),
    context: () => context(recordingLog()),
  });
  return { routes, asked };
}

const file = { driver: "llama-cpp", model: "../weights" };

test("the template is chosen from the tokenizer, and its defaults give way to the config's", async () => {
  const { routes } = routesOf({ a: { placements: [file], parameters: { top_p: 0.5 } } }, ["### End"]);
  const [route] = await routes;
  expect(route?.template).toBe(dolly);
  expect(route?.defaults).toEqual({ ...dolly.defaults, topP: 0.5 });
  expect(route?.instructAliases).toEqual(["a-instruct"]);
});

test("a template that the config names needs no files", async () => {
  const { routes } = routesOf({ a: { template: "plain", placements: [file] } }, undefined);
  expect((await routes)[0]?.template).toBe(plain);
});

test("without files and without a template, the error names the model and the file", async () => {
  const { routes } = routesOf({ a: { placements: [file] } }, undefined);
  await expect(routes).rejects.toThrow("a: tokenizer.json: no such file");
});

test("drivers get their options with defaults, and paths resolved against the config's folder", async () => {
  const { routes, asked } = routesOf({ a: { placements: [file, { driver: "script" }] } }, []);
  const [route] = await routes;
  expect(asked).toEqual([
    { driver: "llama-cpp", options: { model: resolve("/etc/weights"), parallel: 4 } },
    { driver: "script", options: { answer: "yes" } },
  ]);
  expect(route?.placements.map(({ id }) => id)).toEqual(["a/0", "a/1"]);
});

test("placements that the machine has not are left out and keep their numbers; none left is an error with the reasons", async () => {
  const here = { ...file, when: { cores: 1 } };
  const elsewhere = { ...file, when: { gpu: "H100" } };
  const { routes } = routesOf({ both: { placements: [elsewhere, here] } }, []);
  expect((await routes)[0]?.placements).toMatchObject([{ id: "both/1", index: 1 }]);
  await expect(routesOf({ none: { placements: [elsewhere, elsewhere] } }, []).routes).rejects.toThrow(
    /none: this machine has none of its placements \(none\/0: there is no GPU H100; none\/1: there is no GPU H100\)/,
  );
});
