import { expect, test } from "vitest";
import { cardTable, geometricMean, PUBLISHED, publishedRow, TASKS } from "../../src/cli/card/benchmark.ts";

test("the published scores give the geometric means that the card prints", () => {
  const means = [0.523431, 0.543567, 0.544886, 0.559676, 0.565936, 0.56781, 0.573487, 0.583431, 0.602236];
  expect(PUBLISHED.map(({ scores }) => geometricMean(scores))).toEqual(
    means.map((mean) => expect.closeTo(mean, 5)),
  );
  for (const { scores } of PUBLISHED) expect(scores).toHaveLength(TASKS.length);
});

test.each([
  ["dolly-v2-3b", "databricks/dolly-v2-3b"],
  ["EleutherAI/gpt-j-6b", "EleutherAI/gpt-j-6B"],
  ["somebody/pythia-12b", "EleutherAI/pythia-12b"],
  ["dolly-v2-tiny", undefined],
])("%s is compared with %s", (name, published) => {
  expect(publishedRow(name)?.name).toBe(published);
});

test("a measured row stands next to the published one of its model, or at the end", () => {
  const scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
  const lines = cardTable({ name: "dolly-v2-7b", scores }).split("\n");
  const at = lines.findIndex((line) => line.startsWith("databricks/dolly-v2-7b"));
  expect(lines[at + 1]).toMatch(/^dolly-v2-7b \(measured here\) +0\.1000 +0\.2000 .* 0\.3380$/);
  expect(cardTable({ name: "mine", scores }).trimEnd().split("\n").at(-1)).toMatch(/^mine \(measured here\)/);
});
