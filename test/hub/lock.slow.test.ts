import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { run } from "../../src/cli/program.ts";
import { openLock } from "../../src/hub/lock.ts";
import { templates } from "../../src/templates/index.ts";
import { terminalIn, withoutProgress } from "../cli/terminal-stand-in.ts";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";
import { COMMIT, type FakeHub, startFakeHub } from "./fake-hub.ts";

const NEXT = "fedcba9876543210fedcba9876543210fedcba98";
const CARD = Buffer.from("# another card\n");
const CONFIG = `# mine
version: 1
models:
  dolly:
    template: dolly-v2
    placements: [{ driver: llama-cpp, model: databricks/dolly, threads: 1 }]
`;

let hub: FakeHub;
let home: string;
let config: string;
let lock: string;
const gateways: RunningGateway[] = [];
beforeEach(async () => {
  hub = await startFakeHub(embeddedModel);
  home = mkdtempSync(join(tmpdir(), "lock-"));
  config = join(home, "fleet.yaml");
  lock = join(home, "fleet.lock");
  writeFileSync(config, CONFIG);
});
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});

async function dolly(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const terminal = terminalIn(home);
  let printed = "";
  let noted = "";
  const status = await run(argv, {
    terminal: {
      ...terminal,
      env: { HF_ENDPOINT: hub.address, HF_HOME: home, ...env },
      print: (text) => {
        printed += text;
      },
      note: (text) => {
        noted += text;
      },
    },
    drivers,
    templates: templates.map(({ name }) => name),
  });
  return { status, printed, noted };
}
const pull = (...argv: string[]) => dolly(["pull", "--config", config, ...argv]);

const snapshot = (commit: string) => join(home, "hub", "models--databricks--dolly", "snapshots", commit);
const revisionsAsked = () =>
  hub.asked.flatMap(({ path }) => /^\/api\/models\/databricks\/dolly\/revision\/(.*)$/.exec(path)?.[1] ?? []);

/** Starts the config, asks its model a question, and gives what it has printed by then. */
async function served(env: Readonly<Record<string, string>> = {}): Promise<RunningGateway> {
  const gateway = await startGateway({
    args: ["--config", config],
    env: { HF_ENDPOINT: hub.address, HF_HOME: home, DOLLY_CACHE: join(home, "cache"), ...env },
  });
  gateways.push(gateway);
  const answer = await gateway.client().chat.completions.create({
    model: "dolly",
    messages: [{ role: "user", content: "hello" }],
    max_tokens: 2,
  });
  expect(answer.usage?.completion_tokens).toBeGreaterThan(0);
  return gateway;
}

test("pull writes the commit down, keeps to it when the branch moves on, and moves it when asked to", async () => {
  const first = await pull();
  expect(first).toMatchObject({ status: 0, printed: expect.stringContaining(COMMIT) });
  expect(withoutProgress(first.noted)).toBe("");
  expect(readFileSync(lock, "utf8")).toMatch(
    new RegExp(
      `^# Made by dolly: .*\\nversion: 1\\ncommits:\\n +databricks/dolly@main: "?${COMMIT}"?\\n$`,
      "s",
    ),
  );
  writeFileSync(lock, readFileSync(lock, "utf8").replace("commits:", "# looked at by me\ncommits:"));
  hub.publish(NEXT, { "README.md": CARD });

  expect((await pull()).printed).toContain(snapshot(COMMIT));
  expect(revisionsAsked()).toEqual(["main", COMMIT]);
  expect(existsSync(snapshot(NEXT))).toBe(false);

  const moved = await pull("--update");
  expect(moved.status).toBe(0);
  expect(withoutProgress(moved.noted)).toBe("");
  expect(moved.printed).toContain(snapshot(NEXT));
  expect(moved.printed).toContain(`main was ${COMMIT} in ${lock}`);
  expect(readFileSync(join(snapshot(NEXT), "README.md"))).toEqual(CARD);
  expect(readFileSync(lock, "utf8")).toContain(
    `# looked at by me\ncommits:\n  databricks/dolly@main: ${NEXT}`,
  );
  expect(readdirSync(home).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a first use writes the commit down, and later starts use it, offline too", async () => {
  const first = await served();
  expect(readFileSync(lock, "utf8")).toContain(COMMIT);
  await first.stop();
  hub.publish(NEXT, { "README.md": CARD });
  // Another program of this machine takes the new one, and the branch means that from then on.
  expect((await dolly(["pull", "databricks/dolly"])).printed).toContain(snapshot(NEXT));

  const second = await served();
  expect(second.output()).toMatch(new RegExp(`"commit":"${COMMIT}","locked":true,"msg":"model is there"`));
  await second.stop();
  const offline = await served({ HF_HUB_OFFLINE: "1" });
  expect(offline.output()).toMatch(new RegExp(`"commit":"${COMMIT}","locked":true`));
  await offline.stop();

  rmSync(lock);
  const unlocked = await served({ HF_HUB_OFFLINE: "1" });
  expect(unlocked.output()).toMatch(new RegExp(`"commit":"${NEXT}","locked":false`));
  expect(readFileSync(lock, "utf8")).toContain(NEXT);
}, 60_000);

test("a commit in the config needs no lock", async () => {
  writeFileSync(config, CONFIG.replace("databricks/dolly", `databricks/dolly@${COMMIT}`));
  hub.publish(NEXT, {});
  expect((await pull()).printed).toContain(snapshot(COMMIT));
  expect(existsSync(lock)).toBe(false);
});

test("what several processes write down at the same time is all there", async () => {
  const ids = Array.from({ length: 8 }, (_, at) => `databricks/dolly-${at}`);
  await Promise.all(ids.map((id) => openLock(lock).record({ id, revision: "main" }, COMMIT)));
  for (const id of ids) expect(await openLock(lock).commit({ id, revision: "main" })).toBe(COMMIT);
  expect(readdirSync(home).sort()).toEqual([basename(lock), basename(config)]);
});

describe("what is wrong with a lock", () => {
  test("its commit is gone from the Hub: said, with what to do", async () => {
    await pull();
    hub.publish(NEXT, {});
    hub.forget(COMMIT);
    const kept = await served();
    expect(kept.output()).toContain("what is there is used");
    rmSync(join(home, "hub"), { recursive: true });
    const { status, noted } = await pull();
    expect(status).toBe(1);
    expect(noted).toContain(`the commit ${COMMIT} that ${lock} names is not at ${hub.address} any more`);
    expect(noted).toContain("dolly pull --update --config FILE");
    expect((await pull("--update")).status).toBe(0);
    expect(readFileSync(lock, "utf8")).toContain(NEXT);
  });

  test.each([
    ["commits: [", /fleet\.lock: is no lock/],
    [
      "version: 1\n<<<<<<< HEAD\ncommits: {}\n=======\ncommits: {}\n>>>>>>> other\n",
      /fleet\.lock: is no lock of pulled models \(line 2: /,
    ],
    ["version: 1\ncommits: *nothing\n", /fleet\.lock: is no lock of pulled models \(Unresolved alias/],
    ["version: 2\ncommits: {}\n", /fleet\.lock: is no lock of pulled models \(version: /],
    [
      "version: 1\ncommits: { databricks/dolly@main: main }\n",
      /commits: databricks\/dolly@main: a commit has 40/,
    ],
  ])("%j is named, with status 2", async (text, message) => {
    writeFileSync(lock, text);
    for (const argv of [
      ["pull", "--config", config],
      ["config", "check", config],
      ["serve", "--config", config, "--port", "0"],
    ]) {
      const { status, noted } = await dolly(argv);
      expect(noted).toMatch(message);
      expect(status).toBe(2);
    }
    expect(readFileSync(lock, "utf8")).toBe(text);
  });

  test("where it cannot be written, as in a read-only folder, models are served and pulled all the same", async () => {
    // The name that it is written under first is too long for the file system.
    config = join(home, `${"x".repeat(240)}.yaml`);
    writeFileSync(config, CONFIG);
    const gateway = await served();
    expect(gateway.output()).toMatch(
      /"commit":"0123.*\.lock: cannot be written .*the commit is not written down/,
    );
    const { status, noted } = await pull();
    expect([status, noted]).toEqual([0, expect.stringContaining(".lock: cannot be written")]);
    // What was asked for is the writing.
    expect((await pull("--update")).status).toBe(1);
  });
});

test("config check tells the commits", async () => {
  expect((await dolly(["config", "check", config])).printed).not.toContain("fleet.lock");
  await pull();
  const { status, printed } = await dolly(["config", "check", config]);
  expect(status).toBe(0);
  expect(printed).toContain(`, at ${COMMIT} (fleet.lock)`);
});

test.each([
  [["pull"], /name a repository as owner\/name, or a config/],
  [["pull", "dolly"], /is no repository/],
  [["pull", "databricks/dolly", "--update"], /--update moves the lock of a config/],
])("%j is explained, with status 2", async (argv, message) => {
  const { status, noted } = await dolly(argv);
  expect(noted).toMatch(message);
  expect(status).toBe(2);
});

test("a config that names none is told so", async () => {
  writeFileSync(config, "version: 1\nmodels: { f: { template: plain, placements: [{ driver: fake }] } }\n");
  const { status, noted } = await pull();
  expect([status, noted]).toEqual([1, expect.stringContaining("names no repository")]);
});
