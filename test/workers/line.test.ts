import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { GatewayError } from "../../src/errors.ts";
import { procedure } from "../../src/workers/line.ts";
import { linePair } from "./line-pair.ts";

const double = procedure("double", z.number(), z.number());

test("questions are answered, also those that came before anybody could", async () => {
  const [here, there] = linePair();
  const early = here.ask(double, 2);
  there.serve(double, (value) => 2 * value);
  expect(await early).toBe(4);
  expect(await Promise.all([1, 2, 3].map((value) => here.ask(double, value)))).toEqual([2, 4, 6]);
});

test("a gateway's error is the same error on the other side; another is told as an internal one", async () => {
  const [here, there] = linePair();
  there.serve(double, (value) => {
    if (value > 1) throw new Error("it broke");
    throw new GatewayError("model_not_found", "no such model", { param: "model", retryAfter: 3 });
  });
  const failure: unknown = await here.ask(double, 1).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(GatewayError);
  expect(failure).toMatchObject({ code: "model_not_found", param: "model", retryAfter: 3 });
  await expect(here.ask(double, 2)).rejects.toMatchObject({ code: "internal_error", message: "it broke" });
});

test("what a process asked before its end is not looked at when it comes after that", async () => {
  const [here, there] = linePair();
  let looked = 0;
  there.serve(double, () => {
    looked += 1;
    return 0;
  });
  void here.ask(double, 1);
  there.close(new Error("gone"));
  await setImmediate();
  expect(looked).toBe(0);
});

test("what the other process was asked when it ended fails, and so does what it is asked later", async () => {
  const [here, there] = linePair();
  there.serve(double, () => new Promise<number>(() => {}));
  const open = here.ask(double, 1);
  here.close(new Error("gone"));
  await expect(open).rejects.toThrow("gone");
  await expect(here.ask(double, 1)).rejects.toThrow("gone");
});
