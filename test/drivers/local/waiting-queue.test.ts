import { expect, test } from "vitest";
import { serviceOrder, type Waiting, WaitingQueue } from "../../../drivers/local/waiting-queue.ts";
import { NEUTRAL, ORDINARY } from "../../../src/core/generation.ts";

const waiting = (id: number, tenant = "", priority = 0): Waiting => ({
  id,
  arrived: id,
  request: {
    ...ORDINARY,
    tenant,
    priority,
    prompt: [1],
    choices: 1,
    maxTokens: 1,
    sampling: { ...NEUTRAL, logitBias: [], seed: 1 },
    stopTokens: [],
    stopStrings: [],
    logprobs: null,
    promptLogprobs: null,
  },
});

const order = (all: Waiting[], served: [string, { slots: number; last: number }][] = []) =>
  serviceOrder(all, new Map(served)).map(({ id }) => id);

test("by arrival among equals", () => {
  expect(order([waiting(1), waiting(2), waiting(3)])).toEqual([1, 2, 3]);
});

test("the lower priority first, whoever it is", () => {
  expect(order([waiting(1), waiting(2, "", -1), waiting(3, "", 5)])).toEqual([2, 1, 3]);
  expect(order([waiting(1, "a"), waiting(2, "b", -1)], [["b", { slots: 9, last: 9 }]])).toEqual([2, 1]);
});

test("the tenant that holds fewer slots first", () => {
  const all = [waiting(1, "many"), waiting(2, "many"), waiting(3, "few")];
  expect(order(all, [["many", { slots: 3, last: 1 }]])).toEqual([3, 1, 2]);
});

test("of equals, the one whose last turn is longer ago, and first who never had one", () => {
  const all = [waiting(1, "a"), waiting(2, "b"), waiting(3, "new")];
  const served: [string, { slots: number; last: number }][] = [
    ["a", { slots: 0, last: 7 }],
    ["b", { slots: 0, last: 6 }],
  ];
  expect(order(all, served)).toEqual([3, 2, 1]);
});

test("who leaves the queue is not told that it is late", async () => {
  const late: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const queue = new WaitingQueue<Waiting>(({ id }) => {
    late.push(id);
    if (id === 3) resolve();
  });
  for (const id of [1, 2, 3]) queue.push(waiting(id), id);
  queue.remove(2);
  expect(queue.all().map(({ id }) => id)).toEqual([1, 3]);
  await promise;
  expect(late).toEqual([1, 3]);
  expect(queue.length).toBe(0);
});
