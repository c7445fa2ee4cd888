import { afterEach, expect, test } from "vitest";
import { type GatewayStart, type RunningGateway, startGateway } from "../gateway-fixture.ts";

const running: RunningGateway[] = [];
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop("SIGKILL");
});

async function serve(start: GatewayStart): Promise<RunningGateway> {
  const gateway = await startGateway(start);
  running.push(gateway);
  return gateway;
}

const fake = (options = "", settings = "") =>
  `${settings}\nmodels: { tiny: { template: plain, preload: true, placements: [{ driver: fake ${options} }] } }\n`;

const ask = (gateway: RunningGateway) =>
  gateway.client().chat.completions.create({
    model: "tiny",
    max_tokens: 8,
    messages: [{ role: "user", content: "hello" }],
  });

test("the banner comes first, then word that it is ready; logs stay out of standard output", async () => {
  const gateway = await serve({ config: fake() });
  let printed = "";
  gateway.process.stdout?.on("data", (data: Buffer) => {
    printed += data.toString();
  });
  expect((await ask(gateway)).choices[0]?.message.content).toBe("hello");
  await expect.poll(gateway.output).toContain("Ready.");
  await expect.poll(gateway.output).toContain('"msg":"request"');
  expect(gateway.output()).toMatch(/^ {2}tiny {2}fake, none, context 2048/m);
  expect(printed).not.toContain('"msg"');
});

test("a flag wins over an environment variable, that over the file", async () => {
  const gateway = await serve({
    config: fake("", "host: 192.0.2.1\nport: 1\nlog_level: info"),
    env: { DOLLY_HOST: "127.0.0.1", DOLLY_PORT: "2", DOLLY_LOG_LEVEL: "warn" },
  });
  expect(gateway.address).toMatch(/^http:\/\/127\.0\.0\.1:\d{4,5}$/);
  await ask(gateway);
  expect(await gateway.stop()).toBe(0);
  expect(gateway.output()).not.toContain('"msg":"listening"');
});

test("a model that cannot be loaded at start ends it with status 1 and the reason", async () => {
  const config = fake().replace("preload: true", "preload: true, max_model_len: 100000");
  const gateway = await serve({ config });
  const status = await new Promise((resolve) => gateway.process.once("exit", resolve));
  expect(status).toBe(1);
  expect(gateway.output()).toMatch(/^dolly: .*tiny.*100000/m);
  expect(gateway.output()).not.toMatch(/\n\s+at /);
});

test("the first signal waits for running answers, a second one does not", async () => {
  const gateway = await serve({ config: fake(", tokens_per_second: 1") });
  const stream = await gateway.client().chat.completions.create({
    model: "tiny",
    max_tokens: 500,
    stream: true,
    messages: [{ role: "user", content: "hello".repeat(50) }],
  });
  const chunks = stream[Symbol.asyncIterator]();
  await chunks.next();
  const ended = gateway.stop("SIGINT");
  await expect.poll(gateway.output).toContain("stopping: running requests have 30 s");
  expect(gateway.process.exitCode).toBeNull();
  gateway.process.kill("SIGINT");
  expect(await ended).toBe(1);
  const rest = async () => {
    for (let next = await chunks.next(); !next.done; next = await chunks.next());
  };
  await expect(rest()).rejects.toThrow();
});

test("a reader that closes standard output does not end it", async () => {
  const gateway = await serve({ config: fake() });
  gateway.process.stdout?.destroy();
  gateway.process.stderr?.destroy();
  await ask(gateway);
  await ask(gateway);
  expect(await gateway.stop()).toBe(0);
});
