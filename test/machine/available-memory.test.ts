import { freemem } from "node:os";
import { expect, test } from "vitest";
import { availableMemory } from "../../src/machine/available-memory.ts";

const GIB = 2 ** 30;

/** A Linux machine with 16 GiB free and these files. */
const linux = (files: Readonly<Record<string, string | number>>) => ({
  platform: "linux" as const,
  free: 16 * GIB,
  read: (path: string) => (Object.hasOwn(files, path) ? `${files[path]}\n` : undefined),
});

const v2 = (folder: string, limit: string | number, usage: number, activeFile = 0, inactiveFile = 0) => ({
  [`${folder}/memory.max`]: limit,
  [`${folder}/memory.current`]: usage,
  [`${folder}/memory.stat`]: `anon 5\nfile 99999\ninactive_file ${inactiveFile}\nactive_file ${activeFile}\nslab 7`,
});

test("without a control group it is what the machine has free", () => {
  expect(availableMemory(linux({}))).toBe(16 * GIB);
  expect(availableMemory(linux({ "/proc/self/cgroup": "0::/" }))).toBe(16 * GIB);
  expect(
    availableMemory(linux({ "/proc/self/cgroup": "0::/", ...v2("/sys/fs/cgroup", "max", 3 * GIB) })),
  ).toBe(16 * GIB);
});

test("a container's limit holds, and files that it has read take nothing from it", () => {
  const group = v2("/sys/fs/cgroup", 8 * GIB, 7 * GIB, 2 * GIB, 4 * GIB);
  expect(availableMemory(linux({ "/proc/self/cgroup": "0::/", ...group }))).toBe(7 * GIB);
});

test("the tightest of all groups above holds", () => {
  const files = {
    "/proc/self/cgroup": "0::/pod/gateway",
    ...v2("/sys/fs/cgroup/pod/gateway", 12 * GIB, GIB),
    ...v2("/sys/fs/cgroup/pod", 6 * GIB, 5 * GIB, 0, GIB),
  };
  expect(availableMemory(linux(files))).toBe(2 * GIB);
});

test("a limit above what the machine has free changes nothing, and one that is exceeded leaves nothing", () => {
  const group = (limit: number) =>
    linux({ "/proc/self/cgroup": "0::/", ...v2("/sys/fs/cgroup", limit, 2 * GIB) });
  expect(availableMemory(group(64 * GIB))).toBe(16 * GIB);
  expect(availableMemory(group(GIB))).toBe(0);
});

test.each([
  ["as the machine sees it", "/sys/fs/cgroup/memory/docker/c0ffee"],
  ["as the container does", "/sys/fs/cgroup/memory"],
])("the first version's groups, %s", (_, folder) => {
  const files = {
    "/proc/self/cgroup": "9:name=systemd:/docker/c0ffee\n4:cpu,memory:/docker/c0ffee\n0::/",
    [`${folder}/memory.limit_in_bytes`]: 4 * GIB,
    [`${folder}/memory.usage_in_bytes`]: 3 * GIB,
    [`${folder}/memory.stat`]: `active_file 1\ntotal_inactive_file ${GIB}\ntotal_active_file ${GIB}`,
  };
  expect(availableMemory(linux(files))).toBe(3 * GIB);
});

test("Windows says what is free, other systems do not say what they would give up", () => {
  expect(availableMemory({ ...linux({}), platform: "win32" })).toBe(16 * GIB);
  expect(availableMemory({ ...linux({}), platform: "darwin" })).toBeNull();
});

test.runIf(process.platform === "linux")("this machine has some, and no more than is free", () => {
  const available = availableMemory() ?? 0;
  expect(available).toBeGreaterThan(0);
  // What is free changes all the time.
  expect(available).toBeLessThan(2 * freemem());
});
