import { expect, test } from "vitest";
import { Random } from "../../drivers/local/random.ts";
import { abandonedQueue } from "./abandoned-queue.ts";
import { disconnects } from "./disconnects.ts";
import { endurance } from "./endurance.ts";
import { violated } from "./figures.ts";
import { lifecycle } from "./lifecycle.ts";

test.runIf(process.platform === "linux").each([
  [disconnects.about, disconnects, 100],
  [abandonedQueue.about, abandonedQueue, 500],
  [lifecycle.about, lifecycle, 200],
  [endurance.about, endurance, 200],
])("%s", async (_, scenario, size) => {
  const figures = await scenario.run({ size, random: new Random(1, 0), expired: () => false });
  expect(figures.filter(violated)).toEqual([]);
});
