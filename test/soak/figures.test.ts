import { expect, test } from "vitest";
import { figureTable, largest, quantile, violated } from "./figures.ts";
import { readEnd } from "./http-client.ts";

test("a figure is violated above its limit, and where it is no number", () => {
  expect(violated({ what: "", value: 3, most: 3 })).toBe(false);
  expect(violated({ what: "", value: 4, most: 3 })).toBe(true);
  expect(violated({ what: "", value: Number.NaN, most: 3 })).toBe(true);
  expect(violated({ what: "", value: 4, most: null })).toBe(false);
});

test("a quantile is the nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
  expect([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile([7], 0.99), quantile([], 0.5)]).toEqual([
    50, 99, 7, 0,
  ]);
  expect([largest([2, 5, 3]), largest([])]).toEqual([5, 0]);
});

test("the report tells each figure with its limit", () => {
  const table = figureTable([
    { what: "kills", value: 8, most: null },
    { what: "slowest", value: 12.34, most: 10, unit: "ms" },
    { what: "leaks", value: 0, most: 0 },
  ]);
  expect(table.split("\n").slice(2)).toEqual([
    "| kills | 8 |  |  |",
    "| slowest | 12.3 ms | 10 ms | **violated** |",
    "| leaks | 0 | 0 | held |",
  ]);
});

const sse = "text/event-stream; charset=utf-8";
const error = JSON.stringify({ error: { message: "m", type: "server_error", param: null, code: "oops" } });

test.each([
  ["a whole stream", 200, sse, "data: {}\n\ndata: [DONE]\n\n", "answered", ""],
  ["an error frame", 200, sse, `data: {}\n\n\n\ndata: ${error}\n\n`, "broken off", "oops"],
  ["a stream without an end", 200, sse, "data: {}\n\n", "unclean", "no error in the body"],
  ["a frame by halves", 200, sse, "data: {}\n\ndata: {", "unclean", "no error in the body"],
  ["an answer", 200, "application/json", "{}", "answered", ""],
  ["half an answer", 200, "application/json", "{", "unclean", "no JSON"],
  ["an error", 503, "application/json", error, "refused", "oops"],
  ["an error of another shape", 503, "application/json", "{}", "unclean", "no error in the body"],
])("a client tells %s from the rest", (_, status, type, body, kind, code) => {
  expect(readEnd(status, type, body)).toEqual({ kind, code, status });
});
