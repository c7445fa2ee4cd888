import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Lock, openLock } from "./lock.ts";

/** A model repository on the Hugging Face Hub, at a branch, tag or commit. */
export interface Repository {
  /** `owner/name` */
  readonly id: string;
  readonly revision: string;
}

const NAME = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*?)(?:@([\w.][\w./-]*))?$/;

/** `databricks/dolly-v2-3b`, or with a revision behind `@`; undefined for what is none. */
export function parseRepository(text: string): Repository | undefined {
  const [, id, revision = "main"] = NAME.exec(text) ?? [];
  return id === undefined || /\.\./.test(text) ? undefined : { id, revision };
}

/** Where the Hub is and what is kept of it: Hugging Face's own environment variables and folders. */
export interface Hub {
  readonly endpoint: string;
  /** `models--owner--name` folders lie here, as `huggingface_hub` keeps them. */
  readonly cache: string;
  readonly offline: boolean;
  /** Of the config that is served; undefined: a revision is what it is at the moment. */
  readonly lock: Lock | undefined;
  /** Read when it is first needed; undefined: only what is public. */
  token(): Promise<string | undefined>;
}

/** `lockFile`: of the config that is served. */
export function hubOf(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
  lockFile?: string,
): Hub {
  const base = env["HF_HOME"] || join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "huggingface");
  return {
    endpoint: (env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, ""),
    cache: env["HF_HUB_CACHE"] || env["HUGGINGFACE_HUB_CACHE"] || join(base, "hub"),
    lock: lockFile === undefined ? undefined : openLock(lockFile),
    offline: /^(?:1|on|yes|true)$/i.test(env["HF_HUB_OFFLINE"] ?? ""),
    async token() {
      if (env["HF_TOKEN"]) return env["HF_TOKEN"];
      const kept = await readFile(env["HF_TOKEN_PATH"] || join(base, "token"), "utf8").catch(() => "");
      return kept.trim() || undefined;
    },
  };
}

export const repositoryFolder = ({ cache }: Pick<Hub, "cache">, { id }: Repository): string =>
  join(cache, `models--${id.replaceAll("/", "--")}`);

/** The folder of a snapshot that is there already; undefined where there is none. Its files may be incomplete. */
export async function keptSnapshot(
  hub: Pick<Hub, "cache">,
  repository: Repository,
): Promise<string | undefined> {
  const folder = repositoryFolder(hub, repository);
  const { revision } = repository;
  const named = await readFile(join(folder, "refs", revision), "utf8").catch(() => revision);
  const snapshot = join(folder, "snapshots", named.trim());
  const found = await stat(snapshot).catch(() => undefined);
  return found?.isDirectory() ? snapshot : undefined;
}
