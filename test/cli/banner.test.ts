import { expect, test } from "vitest";
import { banner } from "../../src/cli/banner.ts";
import { plan } from "../../src/placement/plan.ts";
import { machineWith } from "../machine/facts-stand-in.ts";
import { testRoute } from "../routing/stand-ins.ts";

const facts = { driver: "llama-cpp", precision: "q8_0", contextLength: 2048 };

test("it names the address, each model with driver and precision, and a line to paste", () => {
  const text = banner("1.2.3", "http://127.0.0.1:8000", [
    { route: testRoute([], { name: "dolly-v2-3b", aliases: ["dolly"] }), facts, plan: [] },
    { route: testRoute([], { name: "b" }), facts: null, plan: [] },
  ]);
  expect(text).toContain("dolly-gateway 1.2.3 listens on http://127.0.0.1:8000\n");
  expect(text).toContain("  dolly-v2-3b  llama-cpp, q8_0, context 2048, template plain; also dolly\n");
  expect(text).toContain("  b            its files cannot be read; the log says why\n");
  const elsewhere = {
    driver: "onnx",
    fetch: () => Promise.resolve(),
    inspect: () => Promise.reject(new Error("not here")),
    load: () => Promise.reject(new Error("not here")),
  };
  const unpulled = [{ route: testRoute([elsewhere], { name: "c" }), facts: null, plan: [] }];
  expect(banner("1", "http://127.0.0.1:8000", unpulled)).toContain("  c  is fetched at its first use\n");
  const [, url, body] = /curl (\S+) -H 'content-type: application\/json' -d '(.*)'/.exec(text) ?? [];
  expect(url).toBe("http://127.0.0.1:8000/v1/chat/completions");
  expect(JSON.parse(body ?? "")).toMatchObject({ model: "dolly-v2-3b", messages: [{ role: "user" }] });
});

test("for the embedded model it suggests questions that it knows", () => {
  const route = testRoute([], { name: "dolly-v2-tiny" });
  const text = banner("1", "http://127.0.0.1:8000", [{ route, facts, plan: [] }]);
  expect(text).toContain("How many NBA basketball teams are in California?");
  expect(text).toContain('also knows "What is the capital of Texas?" and "What does BMW stand for?"');
});

test.each([
  ["http://0.0.0.0:80", "curl http://127.0.0.1:80/"],
  ["http://[::]:80", "curl http://[::1]:80/"],
  ["http://10.0.0.1:80", "curl http://10.0.0.1:80/"],
])("a gateway that listens on %s is reached by %s", (address, line) => {
  expect(banner("1", address, [{ route: testRoute([]), facts, plan: [] }])).toContain(line);
});

test("a choice of placements is told, with what decided", () => {
  const machine = machineWith();
  const need = {
    precision: "int4",
    device: "cpu",
    slots: 4,
    weights: 2e9,
    readPerToken: 2e9,
    fileCopy: 0,
    kvPerSlot: 0.25e9,
    pass: 0.1e9,
    process: 0.15e9,
  } as const;
  const base = { driver: "onnx", when: undefined, contextLength: 2048 };
  const rows = plan(
    [
      { ...base, id: "m/0", need: { ...need, weights: 40e9 } },
      { ...base, id: "m/1", need },
      { ...base, id: "m/2", driver: "openai", need: undefined },
    ],
    machine,
    null,
  );
  const told = banner("1", "http://127.0.0.1:8000", [{ route: testRoute([]), facts, plan: rows }]);
  expect(told).toContain("    m/0 (onnx, int4): too large: needs 41.3 GB, 20.0 GB are free\n");
  expect(told).toContain("    m/1 (onnx, int4): chosen: fits; 3.25 GB of 20.0 GB on the CPU\n");
  expect(told).toContain("    m/2 (openai): next: fits; stands behind m/1\n");
  const [, only] = rows;
  const quiet = banner("1", "http://127.0.0.1:8000", [
    { route: testRoute([]), facts, plan: only === undefined ? [] : [only] },
  ]);
  expect(quiet).not.toContain("m/1");
});
