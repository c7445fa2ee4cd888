import { expect, test } from "vitest";
import { Random } from "../../drivers/local/random.ts";
import { engineKills } from "./engine-kills.ts";
import { violated } from "./figures.ts";
import { gatewayKills } from "./gateway-kills.ts";
import { poison } from "./poison.ts";
import { stalls } from "./stalls.ts";

test.runIf(process.platform === "linux").each([
  [engineKills.about, engineKills, 6],
  [stalls.about, stalls, 2],
  [poison.about, poison, 1000],
  [gatewayKills.about, gatewayKills, 2],
])("%s", async (_, scenario, size) => {
  const figures = await scenario.run({ size, random: new Random(1, 0), expired: () => false });
  expect(figures.filter(violated)).toEqual([]);
});
