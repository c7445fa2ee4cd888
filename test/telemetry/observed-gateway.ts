import { onTestFinished } from "vitest";
import { fake } from "../../drivers/fake/index.ts";
import { parseConfig } from "../../src/config/load.ts";
import type { Driver } from "../../src/core/driver.ts";
import { createGateway } from "../../src/gateway.ts";
import { Clock, type LogLine, never, recordingLog } from "../routing/stand-ins.ts";

export const ANSWER = "It was long, and told in words.";

/** A scripted model that takes two answers at once. */
export const scripted = { driver: "fake", parallel: 2, answers: [{ texts: [ANSWER] }] };

export interface ObservedGateway {
  readonly address: string;
  readonly log: { readonly lines: LogLine[] };
  /** Fields that everything logged of one request has. */
  readonly logged: object[];
  chat(more?: object, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Moves the clock of what the gateway does after a time. */
  advance(ms: number): void;
  /** The text of /metrics. */
  scrape(): Promise<string>;
  close(): Promise<void>;
}

/** A gateway on a free port with one model, "dolly", loaded; it is closed when the test ends. */
export async function observedGateway(
  settings: object = {},
  { placements = [scripted], drivers = [fake] }: { placements?: object[]; drivers?: Driver[] } = {},
): Promise<ObservedGateway> {
  const models = { dolly: { preload: true, template: "plain", placements } };
  const document = { data: { port: 0, models, ...settings }, hidden: new Set<unknown>(), where: () => "" };
  const log = recordingLog();
  const logged: object[] = [];
  const child = (fields: object) => {
    logged.push(fields);
    return log;
  };
  const clock = new Clock();
  const gateway = await createGateway({
    config: parseConfig(document, [], drivers, ["plain"]),
    drivers,
    folder: "/",
    cacheDir: "",
    log: { ...log, child },
    showLoad: () => ({ update: () => undefined, end: () => undefined }),
    after: clock.after,
  });
  onTestFinished(() => gateway.close());
  const address = await gateway.listen();
  await gateway.preload(never);
  return {
    address,
    log,
    logged,
    advance: (ms) => clock.advance(ms),
    chat: (more = {}, headers = {}) =>
      fetch(`${address}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ model: "dolly", messages: [{ role: "user", content: "hello" }], ...more }),
      }),
    scrape: async () => (await fetch(`${address}/metrics`)).text(),
    close: () => gateway.close(),
  };
}

/** The value of one series, by its name and some of its labels; NaN where it is not there. */
export function sample(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = text
    .split("\n")
    .find((one) => /^[^{ ]+/.exec(one)?.[0] === name && wanted.every((label) => one.includes(label)));
  return Number(line?.split(" ").at(-1));
}
