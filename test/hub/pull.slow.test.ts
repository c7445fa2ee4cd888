import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { run } from "../../src/cli/program.ts";
import { templates } from "../../src/templates/index.ts";
import { terminalIn, withoutProgress } from "../cli/terminal-stand-in.ts";
import { startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";
import { COMMIT, type FakeHub, startFakeHub } from "./fake-hub.ts";

const WEIGHTS = "model.safetensors";

let hub: FakeHub;
let home: string;
beforeEach(async () => {
  hub = await startFakeHub(embeddedModel);
  home = mkdtempSync(join(tmpdir(), "hub-"));
});
afterEach(async () => {
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});

async function pull(repository = "databricks/dolly", env: Readonly<Record<string, string>> = {}) {
  const terminal = terminalIn(home);
  const given = { ...terminal, env: { HF_ENDPOINT: hub.address, HF_HOME: home, ...env } };
  const notes: string[] = [];
  const printed: string[] = [];
  const status = await run(["pull", repository], {
    terminal: { ...given, note: (text) => void notes.push(text), print: (text) => void printed.push(text) },
    drivers,
    templates: templates.map(({ name }) => name),
  });
  return { status, noted: notes.join(""), printed: printed.join("") };
}

const repository = () => join(home, "hub", "models--databricks--dolly");
const snapshot = () => join(repository(), "snapshots", COMMIT);
const same = (name: string) =>
  readFileSync(join(snapshot(), name)).equals(readFileSync(join(embeddedModel, name)));

test("a model is fetched into the layout that transformers uses, and not again", async () => {
  const { status, printed, noted } = await pull();
  expect(withoutProgress(noted)).toBe("");
  expect(status).toBe(0);
  expect(printed).toContain(snapshot());
  expect(printed).toContain(COMMIT);
  for (const name of [WEIGHTS, "config.json", "tokenizer.json"]) expect(same(name)).toBe(true);
  expect(lstatSync(join(snapshot(), WEIGHTS)).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(repository(), "refs", "main"), "utf8")).toBe(COMMIT);
  expect(readdirSync(join(repository(), "blobs")).filter((name) => name.endsWith(".incomplete"))).toEqual([]);
  const written = () =>
    [repository(), snapshot(), join(snapshot(), WEIGHTS), join(repository(), "refs", "main")].map(
      (path) => lstatSync(path, { bigint: true }).ctimeNs,
    );
  const [before, then] = [hub.asked.length, written()];
  expect((await pull()).status).toBe(0);
  // The cache may be one that cannot be written to.
  expect(written()).toEqual(then);
  expect(hub.asked.slice(before).map(({ path }) => path)).toEqual([
    "/api/models/databricks/dolly/revision/main",
  ]);
});

test("two at once fetch each file once, also where one is gone on with", async () => {
  hub.wrong.set(WEIGHTS, { cutAfter: 5_000_000, cuts: 2 });
  const pulled = await Promise.all([pull(), pull()]);
  expect(pulled.map(({ status }) => status)).toEqual([0, 0]);
  expect(same(WEIGHTS)).toBe(true);
  expect(hub.asked.filter(({ path }) => path.startsWith("/cdn/"))).toHaveLength(3);
  expect(readdirSync(repository()).sort()).toEqual(["blobs", "refs", "snapshots"]);
});

describe("what goes wrong on the way", () => {
  test("a connection that is cut is gone on with where it was", async () => {
    hub.wrong.set(WEIGHTS, { cutAfter: 5_000_000, cuts: 3 });
    expect((await pull()).status).toBe(0);
    expect(same(WEIGHTS)).toBe(true);
    const ranges = hub.asked.filter(({ path }) => path.startsWith("/cdn/")).map(({ range }) => range);
    expect(ranges).toHaveLength(4);
    expect(ranges[0]).toBeUndefined();
    for (const range of ranges.slice(1)) expect(range).toMatch(/^bytes=\d+-$/);
  });

  test("what an earlier run left is gone on with", async () => {
    hub.wrong.set(WEIGHTS, { cutAfter: 0, cuts: 99 });
    const content = readFileSync(join(embeddedModel, WEIGHTS));
    const { status, noted } = await pull();
    expect(status).toBe(1);
    expect(noted).toMatch(/model\.safetensors: the connection is cut again and again .*goes on from there/);
    const [partial = ""] = readdirSync(join(repository(), "blobs")).filter((name) =>
      name.endsWith(".incomplete"),
    );
    writeFileSync(join(repository(), "blobs", partial), content.subarray(0, 9_000_000));
    hub.wrong.clear();
    expect((await pull()).status).toBe(0);
    expect(hub.asked.at(-1)?.range ?? hub.asked.find(({ range }) => range)?.range).toBe("bytes=9000000-");
    expect(same(WEIGHTS)).toBe(true);
  });

  test("a server that takes no ranges is asked from the beginning", async () => {
    hub.wrong.set(WEIGHTS, { cutAfter: 5_000_000, cuts: 1, noRanges: true });
    expect((await pull()).status).toBe(0);
    expect(same(WEIGHTS)).toBe(true);
  });

  test("content with another hash is thrown away, and named", async () => {
    hub.wrong.set(WEIGHTS, { damaged: true });
    const { status, noted } = await pull();
    expect(status).toBe(1);
    expect(noted).toMatch(/model\.safetensors: what came is not what the Hub lists/);
    expect(existsSync(join(snapshot(), WEIGHTS))).toBe(false);
    hub.wrong.clear();
    expect((await pull()).status).toBe(0);
    expect(same(WEIGHTS)).toBe(true);
  });

  test("the pointer to a large file is not taken for it", async () => {
    hub.wrong.set(WEIGHTS, { pointer: true });
    const { status, noted } = await pull();
    expect(status).toBe(1);
    expect(noted).toMatch(/model\.safetensors: .* gives \d+ bytes of the \d+ that the Hub lists/);
  });

  test.each([
    [401, /HF_TOKEN/],
    [403, /HF_TOKEN/],
    [404, /no such repository, revision or file/],
    [503, /answered 503; try again later/],
  ])("a refusal with %d is explained", async (status, message) => {
    hub.wrong.set("api", { status });
    const outcome = await pull();
    expect(outcome.status).toBe(1);
    expect(outcome.noted).toMatch(message);
  });

  test("a Hub that is away is named", async () => {
    const outcome = await pull("databricks/dolly", { HF_ENDPOINT: "http://127.0.0.1:1" });
    expect(outcome.noted).toMatch(/http:\/\/127\.0\.0\.1:1 cannot be reached/);
  });

  test("a listing whose ids lead out of the cache is refused", async () => {
    const rfilename = "config.json";
    const siblings = [
      { rfilename: WEIGHTS, size: 5, blobId: "0".repeat(40) },
      { rfilename, size: 5, blobId: "../../../../outside" },
    ];
    const server = createServer((_request, response) => {
      response.setHeader("content-type", "application/json").end(JSON.stringify({ sha: COMMIT, siblings }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { status, noted } = await pull("databricks/dolly", { HF_ENDPOINT: `http://127.0.0.1:${port}` });
    server.close();
    expect(status).toBe(1);
    expect(noted).toMatch(/does not speak the Hub's protocol/);
    expect(existsSync(join(home, "hub"))).toBe(false);
  });

  test.each(["dolly", "../x/y", "a/b/c", "-a/b"])("%s is no repository", async (name) => {
    const { status, noted } = await pull(name);
    expect([status, noted]).not.toEqual([0, ""]);
    expect(status).toBe(2);
  });
});

test("a token goes to the Hub, from the environment or from where it is kept", async () => {
  await pull("databricks/dolly", { HF_TOKEN: "hf_env" });
  expect(hub.asked[0]?.authorization).toBe("Bearer hf_env");
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "token"), "hf_file\n");
  const before = hub.asked.length;
  await pull();
  expect(hub.asked[before]?.authorization).toBe("Bearer hf_file");
});

test("offline, what is there is used, and what is not is not fetched", async () => {
  const missing = await pull("databricks/dolly", { HF_HUB_OFFLINE: "1" });
  expect(missing.status).toBe(1);
  expect(missing.noted).toMatch(/HF_HUB_OFFLINE/);
  expect(hub.asked).toEqual([]);
  await pull();
  const { status, printed } = await pull("databricks/dolly", { HF_HUB_OFFLINE: "1" });
  expect(status).toBe(0);
  expect(printed).toContain(snapshot());
});

test("a commit can be asked for", async () => {
  expect((await pull(`databricks/dolly@${COMMIT}`)).status).toBe(0);
  expect(same(WEIGHTS)).toBe(true);
});

test("a model that a config names is fetched when it is first asked for, and answers", async () => {
  const gateway = await startGateway({
    config: `models:
  dolly:
    template: dolly-v2
    placements: [{ driver: llama-cpp, model: databricks/dolly }]`,
    env: { HF_ENDPOINT: hub.address, HF_HOME: home },
  });
  try {
    const answer = await gateway.client().chat.completions.create({
      model: "dolly",
      messages: [{ role: "user", content: "Who wrote the novel Tom Jones in 1749" }],
      temperature: 0,
    });
    expect(answer.choices[0]?.message.content).toMatch(/Henry Fielding/);
    expect(same(WEIGHTS)).toBe(true);
  } finally {
    await gateway.stop();
  }
});
