import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { FlawedFiles, type Wrong } from "../fixtures/flawed-file.ts";
import { sha256 } from "./archives.ts";

export interface Asked {
  /** `registry` lists packages, `files` has them. */
  readonly server: "registry" | "files";
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface FakeRegistries {
  /** Of the simple index and of npm's registry; their files lie at another origin. */
  readonly pypi: string;
  readonly npm: string;
  /** By a file's name, or by a package's name. */
  readonly wrong: Map<string, Wrong>;
  /** Archives that the index lists with another hash. */
  readonly otherHash: Set<string>;
  /** Gives pages in HTML only, as an index of PEP 503. */
  html: boolean;
  readonly asked: Asked[];
  close(): Promise<void>;
}

export interface Published {
  readonly registry: "pypi" | "npm";
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly archive: Buffer;
}

/** Two servers: one speaks the simple index and npm's registry, the other has the files, behind a redirection. */
export async function startFakeRegistries(published: readonly Published[]): Promise<FakeRegistries> {
  const flawed = new FlawedFiles();
  const asked: Asked[] = [];
  const otherHash = new Set<string>();
  const noted =
    (server: Asked["server"], answer: RequestListener): RequestListener =>
    (request, response) => {
      const path = decodeURIComponent(request.url ?? "");
      asked.push({
        server,
        path,
        range: request.headers.range,
        authorization: request.headers.authorization,
      });
      answer(request, response);
    };
  const files = await listen(
    noted("files", (request, response) => {
      const [path = ""] = (request.url ?? "").split("?");
      const file = path.split("/").at(-1) ?? "";
      const found = published.find((one) => one.file === file);
      if (found === undefined) response.writeHead(404).end();
      else if (path.startsWith("/moved/")) {
        response.writeHead(302, { location: `/kept/${file}` }).end();
      } else {
        flawed.give(file, found.archive, request, response);
      }
    }),
  );
  const urlOf = ({ file }: Published) => `${files.origin}/moved/${file}`;
  const hashOf = ({ file, archive }: Published) => (otherHash.has(file) ? "0".repeat(64) : sha256(archive));

  const state = { html: false };
  const registry = await listen(
    noted("registry", (request, response) => {
      const path = decodeURIComponent(request.url ?? "");
      const [, kind = "", ...rest] = path.split("/");
      const name = rest.filter((part) => part !== "").join("/");
      const found = published.filter(
        (one) => one.name === name && (one.registry === "pypi") === (kind === "simple"),
      );
      const { status } = flawed.wrong.get(name) ?? {};
      if (status !== undefined || found.length === 0) response.writeHead(status ?? 404).end();
      else if (kind === "npm") {
        const versions = found.map((one) => [one.version, { dist: { tarball: urlOf(one) } }]);
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ name, versions: Object.fromEntries(versions) }));
      } else if (state.html) {
        const links = found.map(
          (one) => `<a href="${urlOf(one)}?a=1&amp;b=2#sha256=${hashOf(one)}">${one.file}</a>`,
        );
        response
          .setHeader("content-type", "text/html")
          .end(`<!DOCTYPE html><body>${links.join("<br>")}</body>`);
      } else {
        const list = found.map((one) => ({
          filename: one.file,
          url: urlOf(one),
          hashes: { sha256: hashOf(one) },
        }));
        response.setHeader("content-type", "application/vnd.pypi.simple.v1+json");
        response.end(JSON.stringify({ meta: { "api-version": "1.4" }, name, files: list }));
      }
    }),
  );
  return {
    pypi: `${registry.origin}/simple`,
    npm: `${registry.origin}/npm/`,
    wrong: flawed.wrong,
    otherHash,
    asked,
    get html() {
      return state.html;
    },
    set html(value) {
      state.html = value;
    },
    async close() {
      await Promise.all([registry.close(), files.close()]);
    },
  };
}

async function listen(listener: RequestListener): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
