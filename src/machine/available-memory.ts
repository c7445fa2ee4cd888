import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { posix } from "node:path";

/** What is asked of the system. */
export interface MemorySources {
  readonly platform: NodeJS.Platform;
  /** Free bytes of the machine; on Linux and Windows with what the system would give up for a process. */
  readonly free: number;
  /** Text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
}

const thisSystem = (): MemorySources => ({ platform: process.platform, free: freemem(), read });

/**
 * Bytes that this process can still take: of the machine and, on Linux, of each control group that it is in. Files
 * that the system keeps in memory are no obstacle, and a model that was just converted or that is mapped is one of them.
 * Null where the system does not say what it would give up.
 */
export function availableMemory(sources: MemorySources = thisSystem()): number | null {
  const { platform, free } = sources;
  if (platform === "win32") return free;
  if (platform !== "linux") return null;
  return Math.min(free, ...controlGroups(sources).map((group) => room(group, sources)));
}

interface Version {
  readonly root: string;
  readonly limit: string;
  readonly usage: string;
  /** In `memory.stat`: cached files, of the group and those below it. */
  readonly files: RegExp;
}

/** Linux, Documentation/admin-guide/cgroup-v1/memory.rst. */
const V1: Version = {
  root: "/sys/fs/cgroup/memory",
  limit: "memory.limit_in_bytes",
  usage: "memory.usage_in_bytes",
  files: /^total_(?:in)?active_file (\d+)$/gm,
};

/** Linux, Documentation/admin-guide/cgroup-v2.rst. */
const V2: Version = {
  root: "/sys/fs/cgroup",
  limit: "memory.max",
  usage: "memory.current",
  files: /^(?:in)?active_file (\d+)$/gm,
};

interface ControlGroup {
  /** Its path below the root. */
  readonly group: string;
  readonly version: Version;
}

/** The process's own groups and all those above, whose limits hold as well. */
function controlGroups({ read }: MemorySources): ControlGroup[] {
  const lines = read("/proc/self/cgroup")?.split("\n") ?? [];
  return lines.flatMap((line) => {
    const [, controllers = "", path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    const version = controllers === "" ? V2 : controllers.split(",").includes("memory") ? V1 : undefined;
    if (path === undefined || version === undefined) return [];
    return withAncestors(path).map((group) => ({ group, version }));
  });
}

function withAncestors(path: string): string[] {
  const group = posix.normalize(path);
  return group === "/" ? [group] : [group, ...withAncestors(posix.dirname(group))];
}

/** Infinity without a limit, and where the group cannot be seen: a container may see its own as the topmost one. */
function room({ group, version }: ControlGroup, { read }: MemorySources): number {
  const { root, limit, usage, files } = version;
  const text = (name: string) => read(posix.join(root, group, name)) ?? "";
  const most = Number.parseInt(text(limit), 10);
  if (Number.isNaN(most)) return Number.POSITIVE_INFINITY;
  const used = Number.parseInt(text(usage), 10) || 0;
  const cached = [...text("memory.stat").matchAll(files)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  return Math.max(0, most - Math.max(0, used - cached));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
