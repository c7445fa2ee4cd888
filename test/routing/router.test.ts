import { expect, test } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { createRouter } from "../../src/routing/router.ts";
import { testRoute } from "./stand-ins.ts";

const big = testRoute([], { name: "big", aliases: ["dolly"], instructAliases: ["big-instruct"] });
const small = testRoute([], { name: "small" });

test("a model answers to its name, its aliases and its instruct aliases", () => {
  const router = createRouter([big, small], undefined);
  expect(router.resolve("big")).toEqual({ route: big, instruct: false });
  expect(router.resolve("dolly")).toEqual({ route: big, instruct: false });
  expect(router.resolve("big-instruct")).toEqual({ route: big, instruct: true });
  expect(router.resolve("small").route).toBe(small);
});

test.each(["Big", "big ", "", "__proto__", "constructor", "../big"])("%j is not found", (name) => {
  const router = createRouter([big, small], "big");
  expect(() => router.resolve(name)).toThrow(GatewayError);
  expect(() => router.resolve(name)).toThrow(`The model '${name}' does not exist`);
});

test("a request without a name gets the default model, or is told to name one", () => {
  expect(createRouter([big], "dolly").resolve(undefined).route).toBe(big);
  const without = () => createRouter([big], undefined).resolve(undefined);
  expect(without).toThrow(expect.objectContaining({ code: "missing_required_parameter", param: "model" }));
});

test("a very long name is not told back at length", () => {
  expect(() => createRouter([big], undefined).resolve("x".repeat(10_000))).toThrow(
    /^The model 'x{100}…' does not/,
  );
});
