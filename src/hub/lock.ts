import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { OperatorError } from "../errors.ts";
import { writeAtomically } from "../machine/atomic-write.ts";
import { oneAtATime } from "../transfer/one-at-a-time.ts";
import type { Repository } from "./hub.ts";

/** Which commit of each repository a config is served with, in a file beside it. */
export interface Lock {
  readonly file: string;
  /** Undefined where none is written yet, or the revision is a commit itself. Throws OperatorError for a file that is none. */
  commit(repository: Repository): Promise<string | undefined>;
  /** Writes it into the file; comments there stay. Throws OperatorError where the file cannot be written. */
  record(repository: Repository, commit: string): Promise<void>;
}

const COMMIT = /^[0-9a-f]{40}$/;

const lockSchema = z.strictObject({
  version: z.literal(1),
  commits: z.record(z.string(), z.string().regex(COMMIT, "a commit has 40 digits of 0-9 a-f")).default({}),
});

/** The lock of a config file: `dolly.lock` beside `dolly.yaml`. */
export const lockFileOf = (config: string): string => `${config.replace(/\.(?:ya?ml|json)$/i, "")}.lock`;

export function openLock(file: string): Lock {
  /** One write after the other: each begins with what the one before has left. */
  let turn: Promise<unknown> = Promise.resolve();
  return {
    file,
    async commit(repository) {
      if (COMMIT.test(repository.revision)) return undefined;
      return commitsIn(file, await textOf(file)).get(keyOf(repository));
    },
    record(repository, commit) {
      if (COMMIT.test(repository.revision)) return Promise.resolve();
      const written = turn.then(() => write(file, keyOf(repository), commit));
      turn = written.catch(() => undefined);
      return written;
    },
  };
}

/** The repository at the commit that is written down for it, or as it is. Throws OperatorError. */
export async function pinned(repository: Repository, lock: Lock | undefined): Promise<Repository> {
  const revision = await lock?.commit(repository);
  return revision === undefined ? repository : { ...repository, revision };
}

const keyOf = ({ id, revision }: Repository): string => `${id}@${revision}`;

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw new OperatorError(`${file}: cannot be read (${reasonOf(error)})`, { cause: error, exitStatus: 2 });
  }
}

function commitsIn(file: string, text: string): ReadonlyMap<string, string> {
  if (text.trim() === "") return new Map();
  const read = dataIn(text);
  const parsed = "reason" in read ? undefined : lockSchema.safeParse(read.data);
  if (parsed?.success) return new Map(Object.entries(parsed.data.commits));
  const reason =
    "reason" in read
      ? read.reason
      : parsed?.error.issues.map(({ path, message }) => [...path, message].join(": "))[0];
  throw new OperatorError(
    `${file}: is no lock of pulled models (${reason}); mend it, or remove it and have it written anew`,
    { exitStatus: 2 },
  );
}

/** YAML's content, or why it has none. */
function dataIn(text: string): { readonly data: unknown } | { readonly reason: string } {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    return { reason: `line ${lines.linePos(error.pos[0]).line}: ${error.message}` };
  }
  try {
    return { data: document.toJS() };
  } catch (error) {
    // Aliases that nothing is behind, or that multiply without end.
    return { reason: reasonOf(error) };
  }
}

async function write(file: string, key: string, commit: string): Promise<void> {
  if (commitsIn(file, await textOf(file)).get(key) === commit) return;
  const { signal } = new AbortController();
  try {
    // Another process may write down what it has pulled.
    await oneAtATime({ mark: `${file}.writing`, signal }, async () => {
      const before = await textOf(file);
      commitsIn(file, before);
      const document = parseDocument(before.trim() === "" ? head(file) : before);
      document.setIn(["commits", key], commit);
      await writeAtomically(file, document.toString({ lineWidth: 0 }));
    });
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`${file}: cannot be written (${reasonOf(error)})`, { cause: error });
  }
}

const head = (file: string): string =>
  `# Made by dolly: the commits of the models that are pulled for the config beside it. Keep both together; with
# \`dolly pull --update --config FILE\` ${basename(file)} takes the commits that the Hub has by then.
version: 1
`;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
