import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Terminal } from "../../src/cli/terminal.ts";
import { install as installPackages } from "../../src/native/install.ts";
import { registriesOf } from "../../src/native/registries.ts";
import { withoutProgress } from "../cli/terminal-stand-in.ts";
import { large, makeSite, type Site } from "./site.ts";

let site: Site;
beforeEach(async () => {
  site = await makeSite();
});
afterEach(() => site.close());

const FAST = "fast-1.0-py3-none-manylinux_x86_64.whl";
const install = (terminal?: Partial<Terminal>) => site.dolly(["install", "cuda"], terminal);
const filesAsked = () => site.registries.asked.filter(({ path }) => path.startsWith("/kept/"));
const partial = () => site.path("downloads", FAST);

function expectWhole(): void {
  expect(readFileSync(site.path("fast-1.0", "libfast.so.13")).equals(large)).toBe(true);
  expect(readFileSync(site.path("engine-gpu-1.0", "libengine.so.1"), "utf8")).toBe("engine");
  const npm = site.path("node-llama-cpp-linux-cuda-1.0", "bins", "linux", "libllama.so");
  expect(readFileSync(npm, "utf8")).toBe("llama");
  expect(readdirSync(site.path()).sort()).toEqual([
    "engine-gpu-1.0",
    "fast-1.0",
    "node-llama-cpp-linux-cuda-1.0",
  ]);
}

test("libraries and licences are taken out of wheels and npm's packages, each once; the next time all is there", async () => {
  const { status, printed, noted } = await install();
  expect(withoutProgress(noted)).toBe("");
  expect(status).toBe(0);
  expectWhole();
  expect(readdirSync(site.path("fast-1.0")).sort()).toEqual([
    "License.txt",
    "libfast.so.13",
    "manifest.json",
  ]);
  expect(readdirSync(site.path("engine-gpu-1.0")).sort()).toEqual([
    "LICENSE",
    "libengine.so.1",
    "manifest.json",
  ]);
  expect(readdirSync(site.path("node-llama-cpp-linux-cuda-1.0", "bins", "linux"))).toEqual(["libllama.so"]);
  for (const { name } of site.packages) expect(printed).toContain(`  ${name} 1.0\n`);
  expect(printed.match(/ {2}fast 1\.0\n/g)).toHaveLength(1);
  expect(printed).toMatch(/^0\.01 GB installed\. /m);

  const before = site.registries.asked.length;
  const again = await install();
  expect([again.status, again.printed]).toEqual([0, expect.stringContaining("all is there and whole")]);
  expect(site.registries.asked.length).toBe(before);
});

test.each([undefined, { cutAfter: 2_500_000, cuts: 2 }])(
  "several at once fetch each archive once, and all succeed (cut: %j)",
  async (wrong) => {
    if (wrong !== undefined) site.registries.wrong.set(FAST, wrong);
    const outcomes = await Promise.all([install(), install(), install()]);
    expect(outcomes.map(({ status }) => status)).toEqual([0, 0, 0]);
    expectWhole();
    expect(filesAsked()).toHaveLength(site.packages.length + (wrong?.cuts ?? 0));
    expect(outcomes.filter(({ printed }) => printed.includes("all is there and whole"))).toHaveLength(2);
  },
);

test("a mark that a killed process left does not hold for ever", async () => {
  mkdirSync(site.path(), { recursive: true });
  writeFileSync(site.path("installing"), "");
  expect((await install()).status).toBe(0);
  expectWhole();
}, 30_000);

test("an index that has HTML only will do", async () => {
  site.registries.html = true;
  expect((await install()).status).toBe(0);
  expectWhole();
});

describe("what is cut or stopped is gone on with", () => {
  test("a connection", async () => {
    site.registries.wrong.set(FAST, { cutAfter: 2_500_000, cuts: 2 });
    expect((await install()).status).toBe(0);
    expectWhole();
    const ranges = filesAsked()
      .filter(({ path }) => path.includes(FAST))
      .map(({ range }) => range);
    expect(ranges).toEqual([
      undefined,
      expect.stringMatching(/^bytes=\d+-$/),
      expect.stringMatching(/^bytes=\d+-$/),
    ]);
  });

  test("a connection to a server that takes no ranges", async () => {
    site.registries.wrong.set(FAST, { cutAfter: 2_500_000, cuts: 1, noRanges: true });
    expect((await install()).status).toBe(0);
    expectWhole();
  });

  test("one that is cut again and again: what came is kept", async () => {
    site.registries.wrong.set(FAST, { cutAfter: 0, cuts: 99 });
    const { status, noted } = await install();
    expect(status).toBe(1);
    expect(noted).toMatch(/^dolly: fast 1\.0: the connection is cut again and again .* goes on from there/m);
    expect(existsSync(site.path("fast-1.0"))).toBe(false);
  });

  test("Ctrl-C", async () => {
    site.registries.wrong.set(FAST, { cutAfter: 150_000, cuts: 1, stalls: true });
    let press: ((signal: "SIGINT") => void) | undefined;
    const stopped = install({
      onSignal: (callback) => {
        press = callback;
        return () => undefined;
      },
    });
    await expect.poll(() => (existsSync(partial()) ? statSync(partial()).size : 0)).toBe(150_000);
    press?.("SIGINT");
    const { status, noted } = await stopped;
    expect(status).toBe(1);
    expect(noted).toBe(
      "dolly: SIGINT: stopped; what has come is kept, and the same command goes on from there\n",
    );
    expect((await install()).status).toBe(0);
    expectWhole();
    expect(filesAsked().find(({ range }) => range !== undefined)?.range).toBe("bytes=150000-");
  });
});

test("what was stopped while it was unpacked is not fetched again, and leaves no half a package", async () => {
  const stop = new AbortController();
  const reason = new Error("stopped");
  const stopped = installPackages(site.packages, {
    cacheDir: site.cacheDir,
    registries: registriesOf({ env: site.env, home: site.home, cwd: site.home }),
    signal: stop.signal,
    onProgress: (task) => {
      if (task === "unpacking fast") stop.abort(reason);
    },
  });
  await expect(stopped).rejects.toBe(reason);
  expect(readdirSync(site.path()).sort()).toEqual(["downloads", "node-llama-cpp-linux-cuda-1.0"]);
  const before = filesAsked().length;
  expect((await install()).status).toBe(0);
  expectWhole();
  expect(
    filesAsked()
      .slice(before)
      .some(({ path }) => path.includes(FAST)),
  ).toBe(false);
});

test("a cache that cannot be written to is named", async () => {
  writeFileSync(site.cacheDir, "a file");
  const { status, noted } = await install();
  expect(status).toBe(1);
  expect(noted).toMatch(/^dolly: \S+\/cache\/native: E\w+: /);
});

describe("what is not what it should be is refused by name", () => {
  test("other bytes than are pinned", async () => {
    site.registries.wrong.set(FAST, { damaged: true });
    const { status, noted } = await install();
    expect(status).toBe(1);
    expect(noted).toMatch(/fast 1\.0: what came is not what this release of the gateway expects/);
    expect(existsSync(site.path("fast-1.0"))).toBe(false);
    expect(existsSync(partial())).toBe(false);
    site.registries.wrong.clear();
    expect((await install()).status).toBe(0);
    expectWhole();
  });

  test("an index that lists another hash, before anything is fetched of it", async () => {
    site.registries.otherHash.add(FAST);
    const { status, noted } = await install();
    expect(status).toBe(1);
    expect(noted).toMatch(/fast 1\.0: .* lists fast-1\.0-\S+\.whl with another content/);
    expect(filesAsked().some(({ path }) => path.includes(FAST))).toBe(false);
  });

  test.each([
    ["fast", 404, /fast 1\.0: http:\S+\/simple does not have it; PIP_INDEX_URL names/],
    ["fast", 403, /fast 1\.0: http:\S+\/simple refuses it \(403\)/],
    [
      "@node-llama-cpp/linux-cuda",
      404,
      /linux-cuda 1\.0: http:\S+\/npm does not have it; npm_config_registry/,
    ],
    [FAST, 404, /fast 1\.0: http:\S+ does not have it/],
    [FAST, 503, /fast 1\.0: http:\S+ answered 503; try again later/],
  ])("%s that is answered with %d", async (name, code, message) => {
    site.registries.wrong.set(name, { status: code });
    const { status, noted } = await install();
    expect(status).toBe(1);
    expect(noted).toMatch(message);
  });

  test("a registry that is away", async () => {
    const { status, noted } = await install({
      env: {
        DOLLY_CACHE: site.cacheDir,
        PIP_INDEX_URL: "http://127.0.0.1:1/simple",
        npm_config_registry: site.registries.npm,
      },
    });
    expect(status).toBe(1);
    expect(noted).toMatch(/http:\/\/127\.0\.0\.1:1 cannot be reached .*PIP_INDEX_URL names another/);
  });

  test("a version or a file that the registry does not have", async () => {
    const newer = await makeSite((one) => ({
      ...one,
      version: "2.0",
      file: one.registry === "pypi" ? one.file.replace("1.0", "2.0") : one.file,
    }));
    try {
      const first = await newer.dolly(["install", "cuda"]);
      expect(first.noted).toMatch(/linux-cuda 2\.0: http:\S+\/npm does not have this version/);
    } finally {
      await newer.close();
    }
    const wheels = await makeSite((one) => ({ ...one, file: one.file.replace(/\.whl$/, "x.whl") }));
    try {
      const { noted } = await wheels.dolly(["install", "cuda"]);
      expect(noted).toMatch(/fast 1\.0: http:\S+\/simple does not list fast-1\.0-\S+x\.whl/);
    } finally {
      await wheels.close();
    }
  });

  test("an archive that lacks a library", async () => {
    const lacking = await makeSite((one) =>
      one.name === "fast" ? { ...one, keep: one.keep.slice(1) } : one,
    );
    try {
      const { status, noted } = await lacking.dolly(["install", "cuda"]);
      expect(status).toBe(1);
      expect(noted).toMatch(/fast-1\.0-\S+\.whl: holds 5 bytes of libraries where 6000005 are expected/);
      expect(readdirSync(lacking.path()).filter((name) => name.startsWith("fast"))).toEqual([]);
    } finally {
      await lacking.close();
    }
  });

  test("a disk without room, before anything is fetched", async () => {
    const huge = await makeSite((one) => ({ ...one, keptBytes: 1e17 }));
    try {
      const { status, noted } = await huge.dolly(["install", "cuda"]);
      expect(status).toBe(1);
      expect(noted).toMatch(/native: has \S+ GB free, and \S+ GB are to be fetched; .*--cache-dir/);
      expect(huge.registries.asked).toEqual([]);
    } finally {
      await huge.close();
    }
  });
});

describe("what was damaged since is fetched again, and nothing else", () => {
  test.each([
    [
      "a changed library",
      () => writeFileSync(site.path("fast-1.0", "libfast.so.13"), Buffer.alloc(large.length)),
    ],
    ["a longer library", () => appendFileSync(site.path("fast-1.0", "libfast.so.13"), "x")],
    ["a missing library", () => rmSync(site.path("fast-1.0", "libfast.so.13"))],
    ["a missing manifest", () => rmSync(site.path("fast-1.0", "manifest.json"))],
  ])("%s", async (_what, damage) => {
    await install();
    const before = site.registries.asked.length;
    damage();
    const { status } = await install();
    expect(status).toBe(0);
    expectWhole();
    const paths = site.registries.asked.slice(before).map(({ path }) => path);
    expect(paths).toEqual(["/simple/fast/", `/moved/${FAST}`, `/kept/${FAST}`]);
  });
});

describe("registries that the environment names", () => {
  test("a password goes to the index and not to where its files lie", async () => {
    const pypi = site.registries.pypi.replace("//", "//reader:p%40ss@");
    const { status, noted } = await install({
      env: { DOLLY_CACHE: site.cacheDir, UV_INDEX_URL: pypi, npm_config_registry: site.registries.npm },
    });
    expect([status, noted]).toEqual([0, ""]);
    const given = `Basic ${Buffer.from("reader:p@ss").toString("base64")}`;
    for (const { server, path, authorization } of site.registries.asked) {
      const own = server === "registry" && path.startsWith("/simple/");
      expect(authorization, path).toBe(own ? given : undefined);
    }
  });

  test("npm's own settings, with a scope's registry and a token", async () => {
    const base = site.registries.npm.replace(/^http:/, "");
    writeFileSync(
      join(site.home, ".npmrc"),
      `# settings\nregistry=http://127.0.0.1:1/\n@node-llama-cpp:registry = ${site.registries.npm}\n${base}:_authToken=\${NPM_TOKEN}\n`,
    );
    const env = { DOLLY_CACHE: site.cacheDir, PIP_INDEX_URL: site.registries.pypi, NPM_TOKEN: "secret" };
    expect((await install({ env })).status).toBe(0);
    const asked = site.registries.asked.find(({ path }) => path.startsWith("/npm/"));
    expect(asked?.authorization).toBe("Bearer secret");
  });

  test("what is no address is refused by its name", async () => {
    const { status, noted } = await install({ env: { PIP_INDEX_URL: "ftp://x/simple" } });
    expect([status, noted]).toEqual([
      2,
      'dolly: PIP_INDEX_URL: "ftp://x/simple" is no http or https address\n',
    ]);
  });
});

test("another machine and another name are refused", async () => {
  const { status, noted } = await install({ platform: "darwin" });
  expect(status).toBe(1);
  expect(noted).toMatch(/^dolly: cuda: is to be had for linux-\w+ only; this machine is darwin-/);
  const rocm = await site.dolly(["install", "rocm"]);
  expect([rocm.status, rocm.noted]).toEqual([
    2,
    "dolly: rocm: nothing of this name is installed so; there is cuda\n",
  ]);
});

test("dolly cache lists, verifies and prunes what was installed", async () => {
  await install();
  const listed = await site.dolly(["cache", "list"]);
  expect(listed.printed).toMatch(/installed {2}\d{4}-\d\d-\d\d {2}fast-1\.0\n/);
  expect((await site.dolly(["cache", "verify"])).printed).toContain("whole  fast-1.0\n");
  appendFileSync(site.path("fast-1.0", "libfast.so.13"), "x");
  const damaged = await site.dolly(["cache", "verify"]);
  expect(damaged.status).toBe(1);
  expect(damaged.printed).toContain("DAMAGED  fast-1.0: libfast.so.13 is damaged\n");
  expect(damaged.noted).toMatch(/1 damaged; `dolly cache prune` removes them, .*dolly install/);
  for (const folder of readdirSync(site.path())) {
    const then = Date.now() / 1000 - 2 * 60 * 60;
    for (const name of readdirSync(site.path(folder))) utimesSync(site.path(folder, name), then, then);
  }
  expect((await site.dolly(["cache", "prune"])).printed).toMatch(/^removed .*fast-1\.0: libfast/m);
  expect(readdirSync(site.path()).sort()).toEqual(["engine-gpu-1.0", "node-llama-cpp-linux-cuda-1.0"]);
});
