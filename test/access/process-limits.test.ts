import fc from "fast-check";
import { expect, test } from "vitest";
import { ProcessLimits } from "../../src/access/process-limits.ts";

const unlimited = { rpm: null, tpm: null, maxParallel: null };

test("in no minute does a key get more than its limits, and what is refused is admitted after the time it is told", async () => {
  const step = fc.record({ wait: fc.nat(9000), tokens: fc.nat(40), uses: fc.nat(40), holds: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      let now = 1_000_000;
      const limits = new ProcessLimits(() => now);
      const key = { rpm: 7, tpm: 100, maxParallel: 3 };
      const admitted: { at: number; reserved: number; used: number; settle: (() => void) | undefined }[] = [];
      const running = () => admitted.filter(({ settle }) => settle !== undefined);
      for (const { wait, tokens, uses, holds } of steps) {
        now += wait;
        for (const one of running().slice(holds)) one.settle?.();
        const decision = await limits.reserve("one", key, tokens);
        if (decision.admitted) {
          const { reservation } = decision;
          const one = {
            at: now,
            reserved: tokens,
            used: Math.min(uses, tokens),
            settle: undefined as (() => void) | undefined,
          };
          one.settle = () => {
            reservation.settle(one.used);
            one.reserved = one.used;
            one.settle = undefined;
          };
          admitted.push(one);
        } else {
          expect(decision.retryMs).toBeGreaterThan(0);
          if (decision.exceeded !== "parallel") {
            for (const one of running()) one.settle?.();
            now += decision.retryMs;
            const again = await limits.reserve("one", key, tokens);
            expect(again.admitted).toBe(true);
            if (again.admitted) again.reservation.settle(0);
            admitted.push({ at: now, reserved: 0, used: 0, settle: undefined });
          }
        }
        const recent = admitted.filter(({ at }) => at > now - 59_000);
        expect(recent.length).toBeLessThanOrEqual(key.rpm);
        expect(recent.reduce((sum, { reserved }) => sum + reserved, 0)).toBeLessThanOrEqual(key.tpm);
        expect(running().length).toBeLessThanOrEqual(key.maxParallel);
      }
    }),
    { numRuns: 300, seed: 8 },
  );
});

test("keys do not count for each other, and a key without limits is never refused", async () => {
  const limits = new ProcessLimits(() => 0);
  const one = { ...unlimited, rpm: 1 };
  expect(await limits.reserve("a", one, 5)).toMatchObject({ admitted: true });
  expect(await limits.reserve("a", one, 5)).toMatchObject({ admitted: false, exceeded: "requests" });
  expect(await limits.reserve("b", one, 5)).toMatchObject({ admitted: true });
  for (let at = 0; at < 100; at += 1) {
    expect(await limits.reserve("c", unlimited, 1e9)).toMatchObject({ admitted: true });
  }
});

test("a request that expects more than a whole minute's tokens gets that minute to itself", async () => {
  const limits = new ProcessLimits(() => 0);
  const key = { ...unlimited, tpm: 100 };
  const first = await limits.reserve("a", key, 5000);
  expect(first).toMatchObject({ admitted: true, standing: { tokens: { limit: 100, remaining: 0 } } });
  expect(await limits.reserve("a", key, 1)).toMatchObject({ admitted: false, used: 100, wanted: 1 });
  if (first.admitted) first.reservation.settle(30);
  expect(await limits.reserve("a", key, 1)).toMatchObject({ admitted: true });
});
