import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { FlawedFiles, type Wrong } from "../fixtures/flawed-file.ts";

export interface FakeHub {
  readonly address: string;
  /** By a file's name, or by `api`. */
  readonly wrong: Map<string, Wrong>;
  /** Paths that were asked for, with their range. */
  readonly asked: {
    readonly path: string;
    readonly range: string | undefined;
    readonly authorization: string | undefined;
  }[];
  /** The branch moves on to a commit in which some files are others. */
  publish(commit: string, changed: Readonly<Record<string, Buffer>>): void;
  /** Nobody has that commit any more, as after a rewritten history. */
  forget(commit: string): void;
  close(): Promise<void>;
}

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** Larger files are kept apart, as the Hub keeps them with LFS. */
const LARGE = 1 << 20;

const blobId = (content: Buffer): string =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

/** A server that speaks the Hub's protocol over a folder as the repository `databricks/dolly`. */
export async function startFakeHub(folder: string): Promise<FakeHub> {
  const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
  const flawed = new FlawedFiles();
  const { wrong } = flawed;
  const asked: FakeHub["asked"] = [];
  const commits = new Map<string, ReadonlyMap<string, Buffer>>([[COMMIT, files]]);
  let head = COMMIT;
  const listing = (commit: string, held: ReadonlyMap<string, Buffer>) => ({
    sha: commit,
    siblings: [...held].map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: blobId(content),
      ...(content.length > LARGE
        ? { lfs: { sha256: sha256(content), size: content.length, pointerSize: 134 } }
        : {}),
    })),
  });

  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? "").split("?")[0] ?? "");
    asked.push({ path, range: request.headers.range, authorization: request.headers.authorization });
    const { status } = wrong.get("api") ?? {};
    if (path.startsWith("/api/") && status !== undefined) {
      response.writeHead(status).end();
      return;
    }
    const revision = /^\/api\/models\/databricks\/dolly\/revision\/(\w+)$/.exec(path)?.[1];
    if (revision !== undefined) {
      const commit = revision === "main" ? head : revision;
      const held = commits.get(commit);
      if (held === undefined) response.writeHead(404).end();
      else response.setHeader("content-type", "application/json").end(JSON.stringify(listing(commit, held)));
      return;
    }
    const [, place, commit = "", name = ""] =
      /^\/(databricks\/dolly\/resolve|cdn)\/(\w+)\/(.+)$/.exec(path) ?? [];
    const content = commits.get(commit)?.get(name);
    if (content === undefined) {
      response.writeHead(404).end();
    } else if (place !== "cdn" && content.length > LARGE) {
      response.writeHead(302, { location: `/cdn/${commit}/${name}` }).end();
    } else {
      flawed.give(name, content, request, response);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    wrong,
    asked,
    publish(commit, changed) {
      commits.set(commit, new Map([...files, ...Object.entries(changed)]));
      head = commit;
    },
    forget: (commit) => void commits.delete(commit),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
