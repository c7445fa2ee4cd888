import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from "yaml";
import { substitute } from "./environment.ts";
import { configError, type KeyPath, type Problem } from "./problem.ts";

/** A configuration before it is checked, and where each part of it was said. */
export interface ConfigDocument {
  readonly data: unknown;
  /** Values that came from environment variables: they may be secret, so no message repeats them. */
  readonly hidden: ReadonlySet<unknown>;
  /** The place of a value, or of its key; of the nearest part above it where it is absent. */
  where(path: KeyPath, of?: "key" | "value"): string;
}

/** In bytes; a configuration is written by hand. */
const LARGEST_FILE = 1 << 20;
/** Aliases may repeat a part this often; more is a YAML bomb. */
const MOST_ALIASES = 100;

/**
 * Reads YAML with `${env.NAME}` replaced in its string values.
 * Throws OperatorError (status 2) that names line and column for everything that is not YAML, for duplicate keys,
 * unknown tags, variables that are not set, and files over 1 MiB.
 */
export function readDocument(
  file: string,
  bytes: Uint8Array,
  env: Readonly<Record<string, string | undefined>>,
): ConfigDocument {
  if (bytes.length > LARGEST_FILE) {
    throw fileError(file, `the file has ${bytes.length} bytes; a configuration has at most ${LARGEST_FILE}`);
  }
  const text = decode(file, bytes);
  const lines = new LineCounter();
  const document = parse(file, text, lines);
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const problems: Problem[] = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    where: place(pos[0]),
    path: [],
    message,
  }));
  if (problems.length > 0) throw configError(problems);
  const hidden = replaceVariables(document, env, (node, message) =>
    problems.push({ where: place(node.range?.[0] ?? 0), path: [], message }),
  );
  if (problems.length > 0) throw configError(problems);
  return {
    data: plainData(file, document),
    hidden,
    where: (path, of = "value") => place(offsetOf(document, path, of)),
  };
}

const fileError = (file: string, message: string) => configError([{ where: file, path: [], message }]);

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fileError(file, "the file is not UTF-8 text");
  }
}

function parse(file: string, text: string, lineCounter: LineCounter): Document.Parsed {
  try {
    return parseDocument(text, { lineCounter, merge: true, stringKeys: true, prettyErrors: false });
  } catch (error) {
    if (error instanceof RangeError) throw fileError(file, "the file is nested too deeply");
    throw error;
  }
}

function plainData(file: string, document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (error) {
    if (error instanceof RangeError) throw fileError(file, "the file is nested too deeply");
    if (error instanceof ReferenceError) {
      throw fileError(file, `aliases repeat too much of the file: ${error.message}`);
    }
    // What only shows when aliases and merges are followed, such as a merge of something that is no map.
    if (error instanceof Error) throw fileError(file, error.message);
    throw error;
  }
}

/** Puts variables in place and gives the values that hold one; reports merges that cannot be. */
function replaceVariables(
  document: Document.Parsed,
  env: Readonly<Record<string, string | undefined>>,
  report: (node: Node, message: string) => void,
): ReadonlySet<unknown> {
  const hidden = new Set<unknown>();
  visit(document, {
    Pair(_key, { key, value }) {
      if (!isScalar(key) || key.value !== "<<" || !isScalar(value)) return;
      report(key, "`<<` merges a map or an alias of one");
    },
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string") return;
      const replaced = substitute(node.value, env, node.type === "PLAIN");
      if ("problem" in replaced) report(node, replaced.problem);
      else if (replaced.value !== node.value) {
        node.value = replaced.value;
        hidden.add(replaced.value);
      }
    },
  });
  return hidden;
}

function offsetOf(document: Document.Parsed, path: KeyPath, of: "key" | "value"): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const container = isAlias(node) ? node.resolve(document) : node;
    if (isSeq(container) && typeof step === "number") {
      node = container.items[step];
    } else if (isMap(container)) {
      const pair = pairOf(document, container, String(step));
      if (pair === undefined) return offset;
      if (depth === path.length - 1 && of === "key" && isScalar(pair.key))
        return pair.key.range?.[0] ?? offset;
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      node = pair.value;
    } else return offset;
    if (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)) offset = node.range?.[0] ?? offset;
  }
  return offset;
}

/** The pair of a key, looked for in merged maps (`<<`) too. */
function pairOf(document: Document.Parsed, map: unknown, key: string): Pair | undefined {
  if (!isMap(map)) return undefined;
  const own = map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
  if (own !== undefined) return own;
  for (const pair of map.items) {
    if (!isScalar(pair.key) || String(pair.key.source ?? pair.key.value) !== "<<") continue;
    const merged = isAlias(pair.value) ? pair.value.resolve(document) : pair.value;
    for (const part of isSeq(merged) ? merged.items : [merged]) {
      const found = pairOf(document, isAlias(part) ? part.resolve(document) : part, key);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
