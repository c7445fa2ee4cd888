import { expect, test } from "vitest";
import { banner } from "../../src/cli/banner.ts";
import { testRoute } from "../routing/stand-ins.ts";

const facts = { driver: "llama-cpp", precision: "q8_0", contextLength: 2048 };

test("it names the address, each model with driver and precision, and a line to paste", () => {
  const text = banner("1.2.3", "http://127.0.0.1:8000", [
    { route: testRoute([], { name: "dolly-v2-3b", aliases: ["dolly"] }), facts },
    { route: testRoute([], { name: "b" }), facts: null },
  ]);
  expect(text).toContain("dolly-gateway 1.2.3 listens on http://127.0.0.1:8000\n");
  expect(text).toContain("  dolly-v2-3b  llama-cpp, q8_0, context 2048, template plain; also dolly\n");
  expect(text).toContain("  b            its files cannot be read; the log says why\n");
  const [, url, body] = /curl (\S+) -H 'content-type: application\/json' -d '(.*)'/.exec(text) ?? [];
  expect(url).toBe("http://127.0.0.1:8000/v1/chat/completions");
  expect(JSON.parse(body ?? "")).toMatchObject({ model: "dolly-v2-3b", messages: [{ role: "user" }] });
});

test("for the embedded model it suggests questions that it knows", () => {
  const route = testRoute([], { name: "dolly-v2-tiny" });
  const text = banner("1", "http://127.0.0.1:8000", [{ route, facts }]);
  expect(text).toContain("How many NBA basketball teams are in California?");
  expect(text).toContain('also knows "What is the capital of Texas?" and "What does BMW stand for?"');
});

test.each([
  ["http://0.0.0.0:80", "curl http://127.0.0.1:80/"],
  ["http://[::]:80", "curl http://[::1]:80/"],
  ["http://10.0.0.1:80", "curl http://10.0.0.1:80/"],
])("a gateway that listens on %s is reached by %s", (address, line) => {
  expect(banner("1", address, [{ route: testRoute([]), facts }])).toContain(line);
});
