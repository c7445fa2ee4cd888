import { z } from "zod";
import { jsonIn } from "../core/json-in.ts";
import type { NativePackage } from "../core/native-package.ts";
import { OperatorError } from "../errors.ts";
import { reasonOf } from "../transfer/fetch-whole.ts";
import { askRegistry } from "./ask-registry.ts";
import type { Registry } from "./registries.ts";

/** The address of a package's archive, as its registry says. Throws OperatorError. */
export function locate(wanted: NativePackage, registry: Registry, signal: AbortSignal): Promise<string> {
  return wanted.registry === "pypi"
    ? locateWheel(wanted, registry, signal)
    : locateTarball(wanted, registry, signal);
}

const INDEX_JSON = "application/vnd.pypi.simple.v1+json";

/** PEP 691, of which only this much is used. */
const indexSchema = z.looseObject({
  files: z.array(
    z.looseObject({
      filename: z.string(),
      url: z.string(),
      hashes: z.looseObject({ sha256: z.string().optional() }),
    }),
  ),
});

interface Listed {
  readonly file: string;
  readonly url: string;
  readonly sha256: string | undefined;
}

async function locateWheel(wanted: NativePackage, registry: Registry, signal: AbortSignal): Promise<string> {
  const what = `${wanted.name} ${wanted.version}`;
  const page = `${registry.base}/${wanted.name}/`;
  const accept = `${INDEX_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1`;
  const response = await askRegistry(registry, page, { what, accept, signal });
  const text = await textOf(response, what, signal);
  const json = response.headers.get("content-type")?.startsWith(INDEX_JSON) ?? false;
  const listed = json ? fromJson(text, what, registry) : fromHtml(text);
  const found = listed.find(({ file }) => file === wanted.file);
  if (found === undefined) {
    throw new OperatorError(
      `${what}: ${registry.base} does not list ${wanted.file}; ${registry.setting} names another registry`,
    );
  }
  if (found.sha256 !== undefined && found.sha256 !== wanted.sha256) {
    throw new OperatorError(
      `${what}: ${registry.base} lists ${wanted.file} with another content (SHA-256 ${found.sha256.slice(0, 12)}…, not ${wanted.sha256.slice(0, 12)}…); ${registry.setting} names another registry`,
    );
  }
  const url = URL.parse(found.url, response.url);
  if (url === null) throw strange(what, registry);
  return url.href;
}

function fromJson(text: string, what: string, registry: Registry): Listed[] {
  const parsed = indexSchema.safeParse(jsonIn(text));
  if (!parsed.success) throw strange(what, registry);
  return parsed.data.files.map(({ filename: file, url, hashes: { sha256 } }) => ({ file, url, sha256 }));
}

/** PEP 503: `<a href="…/name.whl#sha256=…">name.whl</a>`. */
function fromHtml(text: string): Listed[] {
  const links = text.matchAll(/<a\b[^>]*?\bhref\s*=\s*"([^"]*)"[^>]*>\s*([^<]*?)\s*<\/a>/gi);
  return [...links].map(([, href = "", file = ""]) => {
    const [url = "", fragment = ""] = href.replaceAll("&amp;", "&").split("#");
    return { file, url, sha256: /(?:^|&)sha256=([0-9a-f]{64})/.exec(fragment)?.[1] };
  });
}

/** What npm calls a packument, of which only this much is used. */
const packumentSchema = z.looseObject({
  versions: z.record(z.string(), z.looseObject({ dist: z.looseObject({ tarball: z.url() }) })),
});

async function locateTarball(
  wanted: NativePackage,
  registry: Registry,
  signal: AbortSignal,
): Promise<string> {
  const what = `${wanted.name} ${wanted.version}`;
  const page = `${registry.base}/${wanted.name.replace("/", "%2f")}`;
  const accept = "application/vnd.npm.install-v1+json, application/json;q=0.9";
  const response = await askRegistry(registry, page, { what, accept, signal });
  const parsed = packumentSchema.safeParse(jsonIn(await textOf(response, what, signal)));
  if (!parsed.success) throw strange(what, registry);
  const version = parsed.data.versions[wanted.version];
  if (version === undefined) {
    throw new OperatorError(
      `${what}: ${registry.base} does not have this version; ${registry.setting} names another registry`,
    );
  }
  return version.dist.tarball;
}

async function textOf(response: Response, what: string, signal: AbortSignal): Promise<string> {
  return response.text().catch((error: unknown) => {
    signal.throwIfAborted();
    throw new OperatorError(
      `${what}: ${new URL(response.url).origin} broke off its answer (${reasonOf(error)}); try again`,
      { cause: error },
    );
  });
}

const strange = (what: string, { base, setting }: Registry): OperatorError =>
  new OperatorError(
    `${what}: ${base} does not speak a package registry's protocol; ${setting} names another`,
  );
