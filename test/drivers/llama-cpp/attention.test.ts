import { expect, test } from "vitest";
import { attention } from "../../../drivers/llama-cpp/attention.ts";

test.each([
  ["auto", false, 80, "off"],
  ["auto", false, 96, "off"],
  ["auto", false, 128, "auto"],
  ["auto", true, 80, "auto"],
  ["on", false, 80, "on"],
  ["off", true, 128, "off"],
] as const)("%s, on a GPU: %s, heads of %i values: %s", (wanted, onGpu, headSize, expected) => {
  expect(attention(wanted, { onGpu, headSize })).toBe(expected);
});
