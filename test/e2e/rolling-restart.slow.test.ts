import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../bench/free-port.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";

const nginxAtHand = spawnSync("nginx", ["-v"]).status === 0;

const folder = mkdtempSync(join(tmpdir(), "dolly-nginx-"));
let nginx: ChildProcess | undefined;
let port = 0;
let gateways: RunningGateway[] = [];

const start = (at: number): Promise<RunningGateway> =>
  startGateway({
    config:
      "version: 1\nmodels: { m: { preload: true, placements: [{ driver: fake, parallel: 64, tokens_per_second: 2000 }] } }\n",
    args: ["--port", String(at)],
  });
const portOf = ({ address }: RunningGateway): number => Number(new URL(address).port);

/** The configuration that is shipped, without TLS and on free ports. */
function configuration(listen: number, upstreams: readonly number[]): string {
  const [one, two] = upstreams;
  const site = readFileSync("deploy/nginx/dolly-gateway.conf", "utf8")
    .replace("listen 443 ssl;", `listen 127.0.0.1:${listen};`)
    .replace(/^ *ssl_certificate.*$/gm, "")
    .replace("127.0.0.1:8001", `127.0.0.1:${one}`)
    .replace("127.0.0.1:8002", `127.0.0.1:${two}`);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `daemon off;\nworker_processes 1;\npid ${folder}/nginx.pid;\nerror_log ${folder}/error.log;\nevents {}\nhttp { access_log off; ${paths.join(" ")}\n${site} }\n`;
}

beforeAll(async () => {
  if (!nginxAtHand) return;
  gateways = await Promise.all([0, 1].map(async () => start(await freePort())));
  port = await freePort();
  mkdirSync(join(folder, "logs"), { recursive: true });
  writeFileSync(join(folder, "nginx.conf"), configuration(port, gateways.map(portOf)));
  nginx = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
    stdio: "ignore",
  });
  while (
    !(await fetch(`http://127.0.0.1:${port}/ready`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
afterAll(async () => {
  const ended = new Promise((resolve) => nginx?.once("exit", resolve) ?? resolve(undefined));
  nginx?.kill("SIGTERM");
  await ended;
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function ask(stream: boolean): Promise<string> {
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "unused", maxRetries: 0 });
  const request = { model: "m", messages: [{ role: "user" as const, content: "hello ".repeat(40) }] };
  if (!stream) return (await client.chat.completions.create(request)).choices[0]?.finish_reason ?? "none";
  let reason = "none";
  for await (const { choices } of await client.chat.completions.create({ ...request, stream: true })) {
    reason = choices[0]?.finish_reason ?? reason;
  }
  return reason;
}

test.runIf(nginxAtHand)(
  "two gateways behind nginx, restarted one after the other, lose no request",
  async () => {
    let ended = false;
    const outcomes: string[] = [];
    const clients = Array.from({ length: 8 }, async (_, at) => {
      while (!ended) outcomes.push(await ask(at % 2 === 0).catch(String));
    });
    for (let round = 0; round < 2; round += 1) {
      for (const [at, gateway] of gateways.entries()) {
        const before = outcomes.length;
        expect(await gateway.stop()).toBe(0);
        gateways[at] = await start(portOf(gateway));
        // The next one goes once this one is asked again.
        await expect
          .poll(() => fetch(`${gateways[at]?.address}/ready`).then(({ status }) => status))
          .toBe(200);
        await new Promise((resolve) => setTimeout(resolve, 2500));
        expect(outcomes.length).toBeGreaterThan(before);
      }
    }
    ended = true;
    await Promise.all(clients);
    expect(outcomes.length).toBeGreaterThan(100);
    expect([...new Set(outcomes)]).toEqual(["length"]);
  },
  60_000,
);

test.runIf(nginxAtHand)("operators' endpoints are not passed on", async () => {
  for (const path of ["/admin/models", "/metrics"]) {
    expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404);
  }
});
