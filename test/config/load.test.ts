import { expect, test } from "vitest";
import { readDocument } from "../../src/config/document.ts";
import { type Override, parseConfig } from "../../src/config/load.ts";
import { OperatorError } from "../../src/errors.ts";
import { testDrivers } from "./drivers.ts";

const parse = (text: string, env: Record<string, string> = {}, overrides: readonly Override[] = []) =>
  parseConfig(readDocument("dolly.yaml", new TextEncoder().encode(text), env), overrides, testDrivers, [
    "dolly-v2",
    "plain",
  ]);

function refusal(
  text: string,
  env: Record<string, string> = {},
  overrides: readonly Override[] = [],
): string {
  try {
    parse(text, env, overrides);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    expect(error.exitStatus).toBe(2);
    return error.message;
  }
  throw new Error("the config was accepted");
}

const model = (placement: string, rest = "") => `models:
  tiny:
    placements:
      - ${placement}
${rest}`;
const minimal = model("{ driver: llama-cpp, model: ./tiny }");

test("a minimal file gets the documented defaults", () => {
  expect(parse(minimal)).toEqual({
    host: "127.0.0.1",
    port: 8000,
    log_level: "info",
    metrics: true,
    shutdown_grace: 30,
    client_stall_timeout: 30,
    rate_limits: { redis_prefix: "dolly", redis_timeout: 0.25, on_redis_failure: "open" },
    router_settings: {
      routing_strategy: "priority",
      session_affinity: false,
      session_header: "x-session-id",
      num_retries: 3,
      retry_budget: 0.1,
      allowed_fails: 3,
      cooldown_time: 10,
      health_check_interval: 30,
      health_check_timeout: 10,
    },
    watch_config: true,
    workers: 1,
    responses: { store: "memory", max_responses: 1000, max_megabytes: 64, ttl: 2_592_000 },
    models: {
      tiny: {
        aliases: [],
        multi_turn: "stacked",
        truncate_history: false,
        parameters: {},
        request_timeout: 600,
        max_logprobs: 5,
        preload: false,
        ttl: 0,
        fallbacks: [],
        context_window_fallbacks: [],
        placements: [{ driver: "llama-cpp", model: "./tiny", parallel: 4, weight: 1 }],
      },
    },
  });
});

test.each([
  [
    "a misspelt option",
    model("driver: llama-cpp\n        model: ./tiny\n        parralel: 2"),
    'dolly.yaml:6:9: models.tiny.placements[0].parralel: unknown key; did you mean "parallel"?',
  ],
  [
    "an option of another driver",
    model("{ driver: script, parallel: 2 }"),
    "dolly.yaml:4:27: models.tiny.placements[0].parallel: unknown key",
  ],
  [
    "a misspelt top-level key",
    `prt: 1\n${minimal}`,
    'dolly.yaml:1:1: prt: unknown key; did you mean "port"?',
  ],
  [
    "a misspelt key of a model",
    model("{ driver: script }", "    alias: [x]"),
    'dolly.yaml:5:5: models.tiny.alias: unknown key; did you mean "aliases"?',
  ],
  [
    "a condition of another form",
    model("{ driver: llama-cpp, model: ./tiny, when: { gpu: true } }"),
    "models.tiny.placements[0].when.gpu: expected a string, found true",
  ],
  [
    "an unknown driver",
    model("{ driver: llama, model: x }"),
    'dolly.yaml:4:19: models.tiny.placements[0].driver: expected one of "llama-cpp", "script", found "llama"',
  ],
  [
    "a missing driver",
    model("{ model: x }"),
    'dolly.yaml:4:9: models.tiny.placements[0].driver: missing; expected one of "llama-cpp", "script"',
  ],
  [
    "a missing option",
    model("{ driver: llama-cpp }"),
    "dolly.yaml:4:9: models.tiny.placements[0].model: missing; expected a string",
  ],
  [
    "no placements",
    "models: { tiny: { placements: [] } }",
    "dolly.yaml:1:31: models.tiny.placements: a model needs at least one placement",
  ],
  ["no models", "models: {}", "dolly.yaml:1:9: models: at least one model is needed"],
  ["an empty file", "", "dolly.yaml:1:1: expected a map, found nothing"],
  ["a list", "- a", "dolly.yaml:1:1: expected a map, found a list"],
  [
    "a value out of range",
    `port: 65536\n${minimal}`,
    "dolly.yaml:1:7: port: too big: expected number to be <=65535, found 65536",
  ],
  ["a number in quotes", `port: "8000"\n${minimal}`, 'dolly.yaml:1:7: port: expected a number, found "8000"'],
  [
    "a timer that Node would turn into one millisecond",
    `shutdown_grace: 2147484\n${minimal}`,
    "dolly.yaml:1:17: shutdown_grace: too big: expected number to be <=2147483, found 2147484",
  ],
  [
    "a misspelt choice",
    model("{ driver: script }", "    multi_turn: stakced"),
    'dolly.yaml:5:17: models.tiny.multi_turn: expected one of "stacked", "folded", "single", found "stakced"; did you mean "stacked"?',
  ],
  [
    "an unknown template",
    model("{ driver: script }", "    template: doly-v2"),
    'dolly.yaml:5:15: models.tiny.template: expected one of "dolly-v2", "plain", found "doly-v2"; did you mean "dolly-v2"?',
  ],
  [
    "a strange name",
    "models: { 'a b': { placements: [{ driver: script }] } }",
    'dolly.yaml:1:11: models["a b"]: a model name has',
  ],
  ["a key twice", `port: 1\nport: 2\n${minimal}`, "dolly.yaml:2:1: Map keys must be unique"],
  ["broken YAML", "models: [", "dolly.yaml:1:10: "],
  ["an unknown tag", `port: !eval 1\n${minimal}`, "dolly.yaml:1:7: Unresolved tag: !eval"],
  ["a merge of nothing", "models:\n  a:\n    <<: 7\n", "dolly.yaml:3:5: `<<` merges"],
  ["two documents", `${minimal}---\n${minimal}`, "dolly.yaml:5:1: Source contains multiple documents"],
])("%s is refused with its place", (_, text, message) => {
  expect(refusal(text)).toContain(message);
});

test("all problems are listed at once, up to a bound", () => {
  expect(refusal(`prt: 1\nhots: x\n${minimal}`).split("\n")).toEqual([
    'dolly.yaml:1:1: prt: unknown key; did you mean "port"?',
    'dolly.yaml:2:1: hots: unknown key; did you mean "host"?',
  ]);
  const many = Array.from({ length: 50 }, (_, index) => `zzzzzzzz${index}: 1`).join("\n");
  const lines = refusal(`${many}\n${minimal}`).split("\n");
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe("and 30 more");
});

test("names are unique over all models, and the error names both places", () => {
  const two = (a: string, b: string) =>
    `models:\n  a: { ${a}placements: [{ driver: script }] }\n  b: { ${b}placements: [{ driver: script }] }\n`;
  expect(refusal(two("aliases: [x], ", "aliases: [y, x], "))).toBe(
    'dolly.yaml:3:21: models.b.aliases[1]: the name "x" is taken by models.a.aliases[0]',
  );
  expect(refusal(two("", "aliases: [a], "))).toContain('the name "a" is taken by models.a');
  expect(refusal(two("", "aliases: [a-instruct], "))).toContain('the name "a-instruct" is taken by models.a');
  expect(parse(two("instruct_aliases: [], ", "aliases: [a-instruct], ")).models["b"]?.aliases).toEqual([
    "a-instruct",
  ]);
});

test("a default model must be a name that is served", () => {
  expect(refusal(`default_model: tinny\n${minimal}`)).toBe(
    'dolly.yaml:1:1: default_model: no model has the name "tinny"; did you mean "tiny"?',
  );
  expect(parse(`default_model: tiny-instruct\n${minimal}`).default_model).toBe("tiny-instruct");
});

test("environment variables are replaced in values, and an unset one is an error with its place", () => {
  const text = `host: \${env.H}\nport: \${env.P}\ndefault_model: "\${env.N}"\n${model(`{ driver: script, answer: "a \${env.H} b" }`, "    aliases: ['7']")}`;
  const config = parse(text, { H: "::1", P: "81", N: "7" });
  expect(config).toMatchObject({ host: "::1", port: 81, default_model: "7" });
  expect(config.models["tiny"]?.placements).toMatchObject([{ driver: "script", answer: "a ::1 b" }]);
  expect(refusal(text, { H: "::1", N: "7" })).toBe("dolly.yaml:2:7: the environment variable P is not set");
  expect(refusal(`host: "\${env.}"\n${minimal}`)).toContain("dolly.yaml:1:7: ");
  expect(refusal(`host: "\${env.HOST"\n${minimal}`, { HOST: "x" })).toContain("is no reference");
});

test("an error does not repeat what came from the environment", () => {
  const secret = "sk-canary";
  const text = `port: \${env.KEY}\nlog_level: "\${env.KEY}"\nshutdown_grace: x\${env.KEY}\n${minimal}`;
  const message = refusal(text, { KEY: secret });
  expect(message).toContain("port: expected a number, found a value from the environment");
  expect(message).not.toContain(secret);
});

test("a value from the environment is a value, not YAML", () => {
  const config = parse(`host: \${env.H}\n${minimal}`, { H: "x, port: 1" });
  expect(config).toMatchObject({ host: "x, port: 1", port: 8000 });
});

test("anchors and merge keys work, and a problem inside is found where it was written", () => {
  const text = (extra: string) => `models:
  a: &base
    ttl: 5
    ${extra}
    placements: [{ driver: script }]
  b:
    <<: *base
    instruct_aliases: []
`;
  expect(parse(text("preload: true")).models["b"]).toMatchObject({ ttl: 5, preload: true });
  expect(refusal(text("preload: yes please")).split("\n")[1]).toBe(
    'dolly.yaml:4:14: models.b.preload: expected a boolean, found "yes please"',
  );
});

test("an alias bomb, an endless nesting, a huge file and bytes that are no text are refused", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 9; level += 1) {
    const name = String.fromCharCode(97 + level);
    const below = `*${String.fromCharCode(96 + level)}`;
    bomb.push(`${name}: &${name} [${Array(9).fill(below).join(", ")}]`);
  }
  expect(refusal(bomb.join("\n"))).toContain("aliases repeat too much");
  expect(refusal("[".repeat(100_000))).toMatch(/^dolly\.yaml:/);
  expect(refusal(`# ${"x".repeat(1 << 20)}\n`)).toContain("bytes");
  expect(() => readDocument("f.yaml", new Uint8Array([0xff, 0xfe]), {})).toThrow(
    "f.yaml: the file is not UTF-8",
  );
});

test("an override takes the place of the file's value, the last one wins, and an error names it", () => {
  const port = (value: unknown, source: string): Override => ({ path: ["port"], value, source });
  expect(parse(`port: 1\n${minimal}`, {}, [port(2, "DOLLY_PORT"), port(3, "--port")]).port).toBe(3);
  expect(refusal(`port: 1\n${minimal}`, {}, [port("x", "--port")])).toBe(
    '--port: expected a number, found "x"',
  );
});

test("wrong keys are named by place and never repeated", () => {
  const keys = (entry: string) => `version: 1\napi_keys:\n  - ${entry}\n${minimal}`;
  const hash = `sha256:${"a".repeat(64)}`;
  expect(refusal(keys("{ name: a, key: tooshort }"))).toMatch(
    /api_keys\[0\]\.key: a key has at least 16 characters/,
  );
  expect(refusal(keys("{ name: a, key: secretsecretsecret1, kez: 1 }"))).toMatch(
    /api_keys\[0\]\.kez: unknown key/,
  );
  expect(refusal(keys("{ name: a }"))).toMatch(/api_keys\[0\]: .*needs `key` or `key_hash`/);
  expect(refusal(keys(`{ name: "a b", key_hash: "${hash}" }`))).toMatch(/api_keys\[0\]\.name/);
  expect(refusal(keys(`{ name: a, key_hash: "${hash}", models: [tinny] }`))).toMatch(
    /api_keys\[0\]\.models\[0\]: no model has the name "tinny"; did you mean "tiny"/,
  );
  expect(refusal(keys(`{ name: a, key_hash: "${hash}" }\n  - { name: b, key_hash: "${hash}" }`))).toMatch(
    /this key is taken by api_keys\[0\]/,
  );
  expect(refusal(keys(`{ name: a, key_hash: "${hash}", rpm: 0 }`))).toMatch(/api_keys\[0\]\.rpm: too small/);
  expect(refusal(`version: 1\nrate_limits: { redis: "http://user:hunter2@x" }\n${minimal}`)).toMatch(
    /rate_limits\.redis/,
  );
  for (const secret of ["tooshort", "secretsecretsecret1", "hunter2"]) {
    const wrong = [
      keys(`{ name: a, key: ${secret}, rpm: 0 }`),
      `rate_limits: { redis: "http://u:${secret}@x" }\n${minimal}`,
    ];
    for (const text of wrong) expect(refusal(text)).not.toContain(secret);
  }
});
