import { expect, test } from "vitest";
import { OperatorError } from "../../src/errors.ts";
import { loggedError } from "../../src/telemetry/log.ts";

test("an operator's mistake is logged as its message alone", () => {
  const cause = new Error("ENOENT");
  expect(loggedError(new OperatorError("model.gguf: no such file", { cause }))).toEqual({
    type: "OperatorError",
    message: "model.gguf: no such file",
  });
});

test("a defect is logged with its stack", () => {
  expect(loggedError(new TypeError("x is undefined"))).toMatchObject({
    type: "TypeError",
    message: "x is undefined",
    stack: expect.stringContaining("log.test.ts"),
  });
});

test("what is thrown and no error is logged as text", () => {
  expect(loggedError("stop")).toEqual({ message: "stop" });
});
