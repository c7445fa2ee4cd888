import { readdirSync, readFileSync } from "node:fs";
import { z } from "zod";
import { type GatewayStart, type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { embeddedModel } from "../golden-data.ts";
import { type End, Exchange, exchange, getJson } from "./http-client.ts";
import { until } from "./poll.ts";

const MODEL = "dolly-v2-tiny";
/** Bytes of a page of memory on Linux. */
const PAGE_BYTES = 4096;
/** Tokens that end an answer; forbidden where it is to run on. */
const ENDLESS = { "0": -100, "6141": -100 };

const adminModel = z.object({
  placements: z.tuple([
    z.object({
      state: z.string(),
      restarts: z.int(),
      queued_requests: z.int(),
      slots: z.object({ busy: z.int() }).nullable(),
    }),
  ]),
});

export interface ModelFacts {
  readonly state: string;
  readonly restarts: number;
  readonly waiting: number;
  readonly busy: number;
}

/** A gateway in a process of its own that serves the embedded model, seen from outside (Linux). */
export class Site {
  readonly gateway: RunningGateway;
  readonly pid: number;

  private constructor(gateway: RunningGateway, pid: number) {
    this.gateway = gateway;
    this.pid = pid;
  }

  /** Starts it with options of the llama-cpp placement, and loads the model. */
  static async start(options: object, env: GatewayStart["env"] = {}): Promise<Site> {
    const placement = { driver: "llama-cpp", model: embeddedModel, ...options };
    const config = JSON.stringify({ models: { [MODEL]: { preload: true, placements: [placement] } } });
    const gateway = await startGateway({ config, env });
    const { pid } = gateway.process;
    if (pid === undefined) throw new Error("the gateway has no process id");
    const site = new Site(gateway, pid);
    await site.ask();
    return site;
  }

  get chatUrl(): string {
    return `${this.gateway.address}/v1/chat/completions`;
  }

  /** One short answer to its end. */
  ask(maxTokens = 4): Promise<End> {
    return exchange(this.chatUrl, { ...chat("What is the capital of Texas?"), max_tokens: maxTokens });
  }

  /** An answer that runs until it has `maxTokens`. */
  long(question: string, body: object = {}, onData: () => void = () => {}): Exchange {
    const request = { ...chat(question), stream: true, logit_bias: ENDLESS, max_tokens: 700, ...body };
    return new Exchange(this.chatUrl, "POST", request, onData);
  }

  /** What `/admin/models` says of the model. */
  async facts(): Promise<ModelFacts> {
    const url = `${this.gateway.address}/admin/models/${MODEL}`;
    const [{ state, restarts, queued_requests, slots }] = adminModel.parse(await getJson(url)).placements;
    return { state, restarts, waiting: queued_requests, busy: slots?.busy ?? 0 };
  }

  /** Requests that have a slot or wait for one. */
  async present(): Promise<number> {
    const { busy, waiting } = await this.facts();
    return busy + waiting;
  }

  /** Whether neither a slot nor a place in the queue is taken. */
  async idle(): Promise<boolean> {
    return (await this.present()) === 0;
  }

  admin(action: "load" | "unload"): Promise<End> {
    return new Exchange(`${this.gateway.address}/admin/models/${MODEL}/${action}`, "POST").ended;
  }

  /** Milliseconds to load the model when it is unloaded, and nothing else is done. */
  async loadMs(): Promise<number> {
    await this.admin("unload");
    const since = performance.now();
    return (await this.admin("load")).at - since;
  }

  /** The engine's process; waits for it while there is none but dead ones. */
  async engine(otherThan?: number): Promise<number> {
    let found: number | undefined;
    const look = () => {
      found = children(this.pid).find(({ pid, zombie }) => !zombie && pid !== otherThan)?.pid;
      return found !== undefined;
    };
    await until("an engine process", look, 30_000);
    return found ?? Number.NaN;
  }

  /** Processes that it should not have: zombies, and engines beyond the first. */
  get strayProcesses(): number {
    const all = children(this.pid);
    const engines = all.filter(({ zombie }) => !zombie).length;
    return all.length - Math.min(1, engines);
  }

  get openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  get alive(): boolean {
    return this.gateway.process.exitCode === null && this.gateway.process.signalCode === null;
  }
}

const chat = (content: string) => ({
  model: MODEL,
  temperature: 0,
  messages: [{ role: "user", content }],
});

export interface ChildFacts {
  readonly pid: number;
  /** Ended, and not yet waited for by its parent. */
  readonly zombie: boolean;
}

/** Processes that a process has started and not yet buried. */
export function children(parent: number): ChildFacts[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8")
    .split(" ")
    .filter((pid) => pid.trim() !== "")
    .flatMap((pid) => {
      const state = stateOf(Number(pid));
      return state === undefined ? [] : [{ pid: Number(pid), zombie: state === "Z" }];
    });
}

/** Whether a process is there and no zombie. */
export const runs = (pid: number): boolean => ![undefined, "Z"].includes(stateOf(pid));

/** One letter, as `ps` shows it; undefined where there is no such process. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

export const residentBytes = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
