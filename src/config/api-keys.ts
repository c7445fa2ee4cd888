import { z } from "zod";
import { hashKey, KEY_HASH } from "../access/key-hash.ts";
import type { ApiKey } from "../access/keyring.ts";
import { suggestion } from "./nearest.ts";
import type { KeyPath } from "./problem.ts";

/** Fewer characters could be guessed from a hash. */
const SHORTEST_KEY = 16;

const limit = (what: string) => z.int().min(1).optional().describe(`${what}; by default as many as come.`);

const apiKey = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[A-Za-z0-9][\w.-]{0,63}$/,
        "a key's name has 1 to 64 letters, digits and . _ -, a letter or digit first",
      )
      .describe("Names its holder in logs and metrics; queues are shared fairly between names."),
    key: z
      .string()
      .regex(/^\S+$/, "a key holds no white space")
      .min(SHORTEST_KEY, `a key has at least ${SHORTEST_KEY} characters; \`dolly keys new\` makes one`)
      .optional()
      .meta({
        writeOnly: true,
        description:
          "The key itself. Keep it out of the file: name an environment variable. Only its hash is kept in memory.",
      }),
    key_hash: z
      .string()
      .regex(KEY_HASH, "a hash is `sha256:` and 64 digits of 0-9 a-f; `dolly keys hash` makes one")
      .optional()
      .meta({
        writeOnly: true,
        description:
          "The key's hash, so that the key need not stand in the file: `sha256:…`, from `dolly keys hash`. With `key` too, either key opens.",
      }),
    models: z
      .array(z.string())
      .min(1)
      .optional()
      .describe(
        "Models that it may use, by their own names; by default every one. To it, others do not exist.",
      ),
    rpm: limit("Most requests a minute"),
    tpm: limit("Most tokens of prompts and answers a minute"),
    max_parallel_requests: limit("Most requests that are answered at the same time"),
    priority: z
      .int()
      .min(-1000)
      .max(1000)
      .default(0)
      .describe("Of the requests that wait for a model, those with the lower number go first."),
  })
  .refine(
    ({ key, key_hash }) => key !== undefined || key_hash !== undefined,
    "a key needs `key` or `key_hash`",
  )
  .transform(
    ({ key, key_hash, models, rpm, tpm, max_parallel_requests, ...rest }): ApiKey => ({
      ...rest,
      hashes: [...(key === undefined ? [] : [hashKey(key)]), ...(key_hash === undefined ? [] : [key_hash])],
      models: models ?? null,
      rpm: rpm ?? null,
      tpm: tpm ?? null,
      maxParallel: max_parallel_requests ?? null,
    }),
  )
  .meta({ writeOnly: true });

/** `api_keys` of the configuration. */
export const apiKeys = z
  .array(apiKey)
  .min(1, "list at least one key, or leave api_keys out to ask for none")
  .optional()
  .meta({
    writeOnly: true,
    description:
      "Keys that open the gateway, as bearer tokens; without any, everybody who reaches it may use it. /admin has its own: admin_key.",
  });

/** Keys of one name, keys that are the same, and models that a key names and nobody serves. */
export function keyProblems(
  keys: readonly ApiKey[],
  models: readonly string[],
): { path: KeyPath; message: string }[] {
  const problems: { path: KeyPath; message: string }[] = [];
  const names = new Map<string, number>();
  const hashes = new Map<string, number>();
  const claim = (owners: Map<string, number>, what: string, index: number, told: string, step: string) => {
    const owner = owners.get(what);
    if (owner === undefined) owners.set(what, index);
    else if (owner !== index || step === "name")
      problems.push({ path: ["api_keys", index, step], message: `${told} is taken by api_keys[${owner}]` });
  };
  for (const [index, key] of keys.entries()) {
    claim(names, key.name, index, `the name "${key.name}"`, "name");
    for (const hash of key.hashes) claim(hashes, hash, index, "this key", "key");
    for (const [place, model] of (key.models ?? []).entries()) {
      if (models.includes(model)) continue;
      problems.push({
        path: ["api_keys", index, "models", place],
        message: `no model has the name "${model}"${suggestion(model, models)}`,
      });
    }
  }
  return problems;
}
