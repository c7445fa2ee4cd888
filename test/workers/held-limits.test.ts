import { expect, test } from "vitest";
import { ProcessLimits } from "../../src/access/process-limits.ts";
import { AskedLimits } from "../../src/workers/asked-limits.ts";
import { HeldLimits } from "../../src/workers/held-limits.ts";
import { asksPrimary } from "../../src/workers/procedures.ts";
import { RestartDelay } from "../../src/workers/restart-delay.ts";
import { linePair } from "./line-pair.ts";

/** Workers 1 and 2, and the limits that they share. */
function shared() {
  const held = new HeldLimits(new ProcessLimits(() => 0));
  const worker = (number: number) => {
    const [here, there] = linePair();
    there.serve(asksPrimary.reserve, ({ name, limits, tokens }) =>
      held.reserve(number, name, limits, tokens),
    );
    there.serve(asksPrimary.settle, ({ id, tokens }) => held.settle(number, id, tokens));
    return new AskedLimits(here);
  };
  return { held, one: worker(1), two: worker(2) };
}
const NONE = { rpm: null, tpm: null, maxParallel: null };

test("workers count requests, tokens and what runs together", async () => {
  const { one, two } = shared();
  const limits = { ...NONE, tpm: 100, maxParallel: 2 };
  const first = await one.reserve("key", limits, 60);
  expect(await two.reserve("key", limits, 60)).toMatchObject({
    admitted: false,
    exceeded: "tokens",
    used: 60,
  });
  if (first.admitted) first.reservation.settle(10);
  expect(await two.reserve("key", limits, 60)).toMatchObject({
    admitted: true,
    standing: { tokens: { limit: 100, remaining: 30 } },
  });
  await one.reserve("key", limits, 1);
  expect(await one.reserve("key", limits, 1)).toMatchObject({ admitted: false, exceeded: "parallel" });
});

test("a worker that dies holds no place any more; what its requests were to use stays counted", async () => {
  const { held, one, two } = shared();
  const limits = { ...NONE, tpm: 100, maxParallel: 1 };
  await one.reserve("key", limits, 60);
  expect(await two.reserve("key", limits, 10)).toMatchObject({ admitted: false, exceeded: "parallel" });
  held.gone(1);
  expect(await two.reserve("key", limits, 10)).toMatchObject({
    admitted: true,
    standing: { tokens: { remaining: 30 } },
  });
});

test("deaths in a row are waited for twice as long each, until one has served for a while", () => {
  const delay = new RestartDelay();
  expect([10, 10, 10].map((ms) => delay.next(ms))).toEqual([500, 1000, 2000]);
  for (let death = 0; death < 10; death += 1) delay.next(10);
  expect(delay.next(10)).toBe(30_000);
  expect(delay.next(120_000)).toBe(500);
});
