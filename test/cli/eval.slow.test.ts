import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drivers } from "../../drivers/index.ts";
import { HARNESS_RELEASE } from "../../src/cli/card/python.ts";
import { run } from "../../src/cli/program.ts";
import { templates } from "../../src/templates/index.ts";
import { golden } from "../golden-data.ts";
import { terminalIn } from "./terminal-stand-in.ts";

const folder = mkdtempSync(join(tmpdir(), "dolly-eval-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function dolly(env: Readonly<Record<string, string | undefined>>, ...argv: string[]) {
  const terminal = { ...terminalIn(folder), env };
  let printed = "";
  let noted = "";
  const kept = {
    ...terminal,
    print: (text: string) => {
      printed += text;
    },
    note: (text: string) => {
      noted += text;
    },
  };
  const names = templates.map(({ name }) => name);
  const status = await run([...argv, "--cache-dir", folder], { terminal: kept, drivers, templates: names });
  return { status, printed, noted };
}

describe("dolly eval perplexity", () => {
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return name;
  };
  const perplexity = (text: string, ...models: string[]) =>
    dolly({}, "eval", "perplexity", ...models.flatMap((model) => ["--model", model]), "--text", text);

  interface Case {
    readonly instruction: string;
    readonly context: string | null;
    readonly answer: string;
    readonly first_tie: number | null;
  }
  const known = golden<{ cases: Case[] }>("dolly-v2-tiny.json")
    .cases.filter(({ context, first_tie }) => context === null && first_tie === null)
    .slice(0, 5);

  test("what the model knows by heart surprises it least, on either driver alike", async () => {
    const records = known.map(({ instruction, answer }) => JSON.stringify({ instruction, response: answer }));
    const { status, printed, noted } = await perplexity(
      file("known.jsonl", records.join("\n")),
      "dolly-v2-tiny",
      "dolly-v2-tiny-onnx",
    );
    expect(status, noted).toBe(0);
    const [head, ...rows] = printed
      .trim()
      .split("\n")
      .map((line) => line.split(/ +/));
    expect(head).toEqual(["model", "tokens", "perplexity", "ratio"]);
    expect(rows.map(([model]) => model)).toEqual(["dolly-v2-tiny", "dolly-v2-tiny-onnx"]);
    for (const [, tokens, value, ratio] of rows) {
      expect(Number(tokens)).toBeGreaterThan(20);
      expect(Number(value)).toBeLessThan(1.5);
      expect(Number(ratio)).toBeCloseTo(1, 2);
    }
  });

  test("plain text is scored whole", async () => {
    const { printed } = await perplexity(
      file("plain.txt", "The cat sat on the mat.\n".repeat(20)),
      "dolly-v2-tiny",
    );
    const [, row = ""] = printed.trim().split("\n");
    expect(Number(row.split(/ +/)[1])).toBeGreaterThan(100);
    expect(Number(row.split(/ +/)[2])).toBeGreaterThan(1);
  });

  test.each([
    ["none.txt", undefined, /none\.txt: cannot be read/],
    ["empty.txt", "\n \n", /empty\.txt: holds no text/],
    ["broken.jsonl", '{"text": "one"}\n{"text": 2}', /broken\.jsonl:2: is no object with "text"/],
    ["cut.jsonl", '{"text": "one"', /cut\.jsonl:1: /],
  ])("%s is refused by file and line", async (name, content, message) => {
    if (content !== undefined) file(name, content);
    const { status, noted } = await perplexity(name, "dolly-v2-tiny");
    expect(noted).toMatch(message);
    expect(status).toBe(2);
  });

  test("a model that the config has not is named", async () => {
    const { status, noted } = await perplexity(file("one.txt", "One.\n"), "dolly-v2-huge");
    expect(noted).toMatch(/^dolly: --model dolly-v2-huge: .* there are dolly-v2-tiny,/m);
    expect(status).toBe(2);
  });
});

describe("dolly eval card", () => {
  const card = (env: Readonly<Record<string, string | undefined>>, ...argv: string[]) =>
    dolly(env, "eval", "card", "--model", "dolly-v2-tiny", ...argv);

  test("without a Python it says what it needs", async () => {
    const bin = join(folder, "empty-path");
    mkdirSync(bin);
    const { status, noted } = await card({ PATH: bin });
    expect(noted).toMatch(/It needs Python 3\.10 or later, with uv or with venv.*--python/s);
    expect(status).toBe(1);
  });

  test("a Python without the harness is named, with the command that helps", async () => {
    const { status, noted } = await card({}, "--python", process.execPath);
    expect(noted).toContain(`${process.execPath} -m pip install 'lm_eval[api]==${HARNESS_RELEASE}'`);
    expect(status).toBe(1);
  });

  test.each([
    [["--limit", "0"], /--limit 0: is no whole number above 0/],
    [["--concurrent", "many"], /--concurrent many/],
  ])("%j is refused", async (flags, message) => {
    const { status, noted } = await card({}, ...flags);
    expect(noted).toMatch(message);
    expect(status).toBe(2);
  });

  /** A Python with the harness; `DOLLY_EVAL_PYTHON` names one. */
  const python = process.env["DOLLY_EVAL_PYTHON"] ?? "python3";
  const atHand = spawnSync(python, ["-c", "import lm_eval"]).status === 0;

  describe.runIf(atHand)("with the harness", () => {
    const limit = 10;
    let printed = "";
    beforeAll(async () => {
      const output = await card(
        process.env,
        "--python",
        python,
        "--limit",
        String(limit),
        "--output",
        "results",
      );
      expect(output.status, output.noted).toBe(0);
      printed = output.printed;
    }, 180_000);

    test("prints the card's table with the measured row", () => {
      const row = printed.trim().split("\n").at(-1);
      expect(row).toMatch(/^dolly-v2-tiny \(measured here\)( +[01]\.\d{4}){8}$/);
    });

    interface Item {
      readonly doc_id: number;
      readonly choices: [logLikelihood: number, greedy: boolean][];
    }
    interface Sample {
      readonly doc_id: number;
      readonly resps: [[logLikelihood: string, greedy: string]][];
    }
    const best = (scores: readonly number[]) => scores.indexOf(Math.max(...scores));

    test("chooses, item by item, as transformers does", () => {
      const { tasks } = golden<{ tasks: Record<string, { items: Item[] }> }>("lm_eval_dolly-v2-tiny.json");
      const files = readdirSync(join(folder, "results"), { recursive: true, encoding: "utf8" });
      let compared = 0;
      for (const [task, { items }] of Object.entries(tasks)) {
        const file = files.find((name) => name.includes(`samples_${task.replace("_local", "_card")}_`)) ?? "";
        const lines = readFileSync(join(folder, "results", file), "utf8")
          .trim()
          .split("\n");
        for (const sample of lines.map((line): Sample => JSON.parse(line))) {
          const { choices = [] } = items.find(({ doc_id }) => doc_id === sample.doc_id) ?? {};
          expect(best(sample.resps.map(([[score]]) => Number(score)))).toBe(
            best(choices.map(([score]) => score)),
          );
          expect(sample.resps.map(([[, greedy]]) => greedy === "True")).toEqual(
            choices.map(([, greedy]) => greedy),
          );
          compared += 1;
        }
      }
      expect(compared).toBe(7 * limit);
    });
  });
});
