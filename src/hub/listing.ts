import { z } from "zod";
import { OperatorError } from "../errors.ts";
import { reasonOf } from "../transfer/fetch-whole.ts";
import type { Hub, Repository } from "./hub.ts";

/** A file of a repository. */
export interface HubFile {
  readonly name: string;
  readonly bytes: number;
  /** What its content must hash to: SHA-256 of large files, git's SHA-1 of a blob of others. It names the file in the cache too. */
  readonly hash: string;
  readonly large: boolean;
}

export interface Listing {
  /** The commit that the revision stands for. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** The Hub has no such repository, revision or file. */
export class MissingAtHub extends OperatorError {}

const listingSchema = z.looseObject({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.looseObject({
      rfilename: z.string(),
      size: z.int().min(0).nullish(),
      // It becomes a file's name.
      blobId: z
        .string()
        .regex(/^[0-9a-f]{40}$/)
        .nullish(),
      lfs: z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).nullish(),
    }),
  ),
});

/** A request to the Hub. Throws OperatorError that says what to do. */
export async function askHub(
  hub: Hub,
  path: string,
  { what, range, signal }: { what: string; range?: string; signal: AbortSignal },
): Promise<Response> {
  if (hub.offline)
    throw new OperatorError(`${what}: is not in ${hub.cache}, and HF_HUB_OFFLINE forbids to fetch it`);
  const token = await hub.token();
  const headers = {
    "user-agent": "dolly-gateway",
    "accept-encoding": "identity",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(range === undefined ? {} : { range }),
  };
  const response = await fetch(`${hub.endpoint}${path}`, { headers, signal, redirect: "follow" }).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      throw new OperatorError(
        `${what}: ${hub.endpoint} cannot be reached (${reasonOf(error)}); HF_ENDPOINT names another`,
        {
          cause: error,
        },
      );
    },
  );
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  if (response.status === 401 || response.status === 403) {
    throw new OperatorError(
      `${what}: ${hub.endpoint} does not give it (${response.status}): it may not exist, or needs a token of somebody who may read it in HF_TOKEN`,
    );
  }
  if (response.status === 404)
    throw new MissingAtHub(`${what}: there is no such repository, revision or file at ${hub.endpoint}`);
  throw new OperatorError(`${what}: ${hub.endpoint} answered ${response.status}; try again later`);
}

/** The files of a repository at its revision. Throws OperatorError. */
export async function listFiles(
  hub: Hub,
  { id, revision }: Repository,
  signal: AbortSignal,
): Promise<Listing> {
  const path = `/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const response = await askHub(hub, path, { what: `${id}@${revision}`, signal });
  const parsed = listingSchema.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) throw new OperatorError(`${id}: ${hub.endpoint} does not speak the Hub's protocol`);
  const { sha, siblings } = parsed.data;
  const files = siblings.flatMap(({ rfilename: name, size, blobId, lfs }): HubFile[] => {
    if (lfs) return [{ name, bytes: lfs.size, hash: lfs.sha256, large: true }];
    return blobId ? [{ name, bytes: size ?? 0, hash: blobId, large: false }] : [];
  });
  return { commit: sha, files };
}

/** Small files that a model is served with. */
const NEEDED =
  /^(?:config|generation_config|tokenizer|tokenizer_config|special_tokens_map)\.json$|^README\.md$|^LICENSE/;
/** Weights, the preferred form first; a folder of shards has an index beside them. */
const WEIGHTS = [
  /^model(?:-\d+-of-\d+)?\.safetensors$|^model\.safetensors\.index\.json$/,
  /^pytorch_model(?:-\d+-of-\d+)?\.bin$|^pytorch_model\.bin\.index\.json$/,
];

/** The files that are needed to serve a model: its configuration, tokenizer, card, and one form of its weights. */
export function neededFiles(files: readonly HubFile[]): HubFile[] {
  const weights = WEIGHTS.map((pattern) => files.filter(({ name }) => pattern.test(name))).find((found) =>
    found.some(({ name }) => !name.endsWith(".json")),
  );
  return [...files.filter(({ name }) => NEEDED.test(name)), ...(weights ?? [])];
}
