import { expect, test } from "vitest";
import { OperatorError } from "../../src/errors.ts";
import type { Changes } from "../../src/reload/configuration.ts";
import { Ballot } from "../../src/workers/ballot.ts";
import { CommonReload } from "../../src/workers/common-reload.ts";
import type { Line } from "../../src/workers/line.ts";
import { asksWorker } from "../../src/workers/procedures.ts";
import { linePair } from "./line-pair.ts";

const NOTHING = { added: [], removed: [], changed: [] };
const CHANGES: Changes = { models: { ...NOTHING, added: ["new"] }, keys: NOTHING, restartRequired: [] };
const bytes = (text: string) => new TextEncoder().encode(text);

/** A worker whose configuration is a text, which it can serve unless it holds its name. */
class StandIn {
  serves: string;
  readonly toPrimary: Line;
  readonly #ballot = new Ballot();
  #reloads = { applied: 0, unchanged: 0, refused: 0 };

  constructor(name: string, current: Uint8Array) {
    this.serves = new TextDecoder().decode(current);
    const [here, there] = linePair();
    this.toPrimary = there;
    here.serve(asksWorker.prepare, ({ file }) =>
      this.#ballot.prepare(async () => {
        try {
          if (!("bytes" in file)) throw new OperatorError(file.problem);
          const next = new TextDecoder().decode(file.bytes);
          if (next.includes(name)) throw new OperatorError(`${name} cannot`);
          await this.#ballot.agree();
          this.serves = next;
          this.#reloads.applied += 1;
          return CHANGES;
        } catch (error) {
          this.#reloads.refused += 1;
          throw error;
        }
      }),
    );
    here.serve(asksWorker.decide, async (decision) => ({
      changes: await this.#ballot.decide(decision),
      progress: { generation: 1, appliedAt: 0, reloads: this.#reloads, refusal: null },
    }));
  }
}

async function crewOf(names: readonly string[]) {
  let now: string | Error = "first";
  const reload = new CommonReload({
    started: bytes("first"),
    read() {
      if (now instanceof Error) throw now;
      return bytes(now);
    },
  });
  const join = async (name: string): Promise<StandIn> => {
    // The line is known before what it begins with.
    const worker = new StandIn(name, bytes(""));
    const { current } = await reload.join(worker.toPrimary);
    worker.serves = new TextDecoder().decode(current);
    return worker;
  };
  const workers = await Promise.all(names.map(join));
  return {
    reload,
    workers,
    join,
    write(text: string | Error) {
      now = text;
    },
    serve: () => workers.map(({ serves }) => serves),
  };
}

test("all apply what all can serve", async () => {
  const crew = await crewOf(["one", "two"]);
  crew.write("second");
  expect(await crew.reload.reload("file")).toEqual(CHANGES);
  expect(crew.serve()).toEqual(["second", "second"]);
});

test("what one cannot serve, or nobody can read, none applies; one that comes later begins with what serves", async () => {
  const crew = await crewOf(["one", "two"]);
  crew.write("second, not for two");
  await expect(crew.reload.reload("file")).rejects.toMatchObject({
    code: "invalid_config",
    message: "two cannot",
  });
  crew.write(new OperatorError("no such file"));
  await expect(crew.reload.reload("signal")).rejects.toMatchObject({ message: "no such file" });
  expect(crew.serve()).toEqual(["first", "first"]);
  expect((await crew.join("three")).serves).toBe("first");
});

test("one that comes during a reload begins with its outcome", async () => {
  const crew = await crewOf(["one", "two"]);
  crew.write("second");
  const [, three] = await Promise.all([crew.reload.reload("file"), crew.join("three")]);
  expect(three.serves).toBe("second");
  expect((await crew.reload.join(three.toPrimary)).progress).toMatchObject({ reloads: { applied: 1 } });
});

test("one that dies meanwhile has no voice", async () => {
  const crew = await crewOf(["one", "two"]);
  crew.write("second, not for two");
  const applied = crew.reload.reload("file");
  crew.workers[1]?.toPrimary.close(new Error("gone"));
  expect(await applied).toEqual(CHANGES);
  expect(crew.serve()).toEqual(["second, not for two", "first"]);
});
