import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { ERROR_CODES } from "../../src/errors.ts";
import { METRICS } from "../../src/telemetry/metric-table.ts";
import { deploy, root } from "./check.ts";
import { checkGatewayConfig, isServed } from "./gateway-config.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");

const rules = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })),
});
const alerts = rules
  .parse(parse(read("deploy/prometheus/alerts.yaml")))
  .groups.flatMap((group) => group.rules);

test("every alert has a test in which it fires, and one tells no other alert's name", () => {
  const tests = z.object({
    tests: z.array(
      z.object({
        alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.object({})) })),
      }),
    ),
  });
  const tested = tests
    .parse(parse(read("deploy/prometheus/alerts.test.yaml")))
    .tests.flatMap((one) => one.alert_rule_test)
    .filter(({ exp_alerts }) => exp_alerts.length > 0)
    .map(({ alertname }) => alertname);
  expect(new Set(tested)).toEqual(new Set(alerts.map(({ alert }) => alert)));
});

test("alerts ask only for metrics, error codes and placement states that there are", () => {
  const series = new Set(
    Object.values(METRICS).flatMap(({ name, type }) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const codes = new Set<string>(ERROR_CODES);
  const states = ["ready", "restarting", "unavailable", "unloaded", "unloading", "loading", "failed"];
  for (const { expr } of alerts) {
    const asked = expr
      .replaceAll(/\b(by|on) \([^)]*\)/g, "")
      .replaceAll(/\{[^}]*\}/g, "")
      .match(/\b(dolly|gen_ai|http_server|nodejs)_\w+/g);
    for (const name of asked ?? []) expect(series, expr).toContain(name);
    for (const [, listed = ""] of expr.matchAll(/error_type=~?"([^"]*)"/g)) {
      for (const code of listed.split("|")) expect(codes, expr).toContain(code);
    }
    for (const [, listed = ""] of expr.matchAll(/state=~?"([^"]*)"/g)) {
      for (const state of listed.split("|")) expect(states, expr).toContain(state);
    }
  }
});

const composed = readdirSync(join(deploy, "compose")).filter((name) => name.endsWith(".yaml"));
const chart = join(deploy, "helm", "dolly-gateway");
const valuesFiles = ["values.yaml", ...readdirSync(join(chart, "ci")).map((name) => join("ci", name))];
const valuesSchema = z.object({ config: z.record(z.string(), z.unknown()).optional() });
const configs = [
  ...composed.map((name) => [name, readFileSync(join(deploy, "compose", name), "utf8")] as const),
  ...valuesFiles.flatMap((name) => {
    const { config } = valuesSchema.parse(parse(readFileSync(join(chart, name), "utf8")));
    return config === undefined ? [] : [[name, JSON.stringify(withoutNulls(config))] as const];
  }),
];

/** As helm reads values: null takes a default away. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNulls(one)]));
}

for (const [name, text] of configs) {
  test.runIf(isServed(text))(`${name} is a config that the gateway takes`, () =>
    checkGatewayConfig(name, text),
  );
}

test("docker compose mounts files that there are, and the gateways can change nothing but their cache", () => {
  const service = z.object({
    volumes: z.array(z.string()).optional(),
    read_only: z.boolean().optional(),
    cap_drop: z.array(z.string()).optional(),
    ports: z.array(z.string()).optional(),
  });
  const { services } = z
    .object({ services: z.record(z.string(), service) })
    .parse(parse(read("docker-compose.yml"), { merge: true }));
  for (const [name, { volumes = [], read_only, cap_drop, ports = [] }] of Object.entries(services)) {
    for (const volume of volumes) {
      const [source = "", target = "", mode] = volume.split(":");
      if (source.startsWith("./")) expect(existsSync(join(root, source)), volume).toBe(true);
      if (name.startsWith("gateway") && target !== "/cache" && !volume.startsWith("$"))
        expect(mode, volume).toBe("ro");
    }
    if (name.startsWith("gateway")) expect([name, read_only, cap_drop]).toEqual([name, true, ["ALL"]]);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});

test("the Dockerfile copies what there is and the ignore file lets through, and the llama.cpp that package.json has", () => {
  const dockerfile = read("Dockerfile");
  const let_through = new Set(
    read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1)),
  );
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources = ""]) =>
    sources.split(" "),
  );
  expect(copied.length).toBeGreaterThan(5);
  for (const source of copied) {
    expect(existsSync(join(root, source)), source).toBe(true);
    expect(let_through).toContain(source);
  }
  const { optionalDependencies } = z
    .object({ optionalDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(read("package.json")));
  expect(/LLAMA_VERSION=(\S+)/.exec(dockerfile)?.[1]).toBe(optionalDependencies["@node-llama-cpp/linux-x64"]);
});
