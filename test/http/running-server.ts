import { connect } from "node:net";
import { text } from "node:stream/consumers";
import OpenAI from "openai";
import { onTestFinished } from "vitest";
import { endpoints } from "../../src/endpoints/index.ts";
import { MemoryResponseStore } from "../../src/endpoints/responses/memory-store.ts";
import { createServer, type HttpServer } from "../../src/http/app.ts";
import type { HttpSettings } from "../../src/http/settings.ts";
import type { Route } from "../../src/routing/route.ts";
import { type LogLine, recordingLog } from "../routing/stand-ins.ts";
import { type Script, ScriptedServices } from "./scripted-services.ts";

export interface RunningServer {
  readonly services: ScriptedServices;
  readonly http: HttpServer;
  readonly address: string;
  readonly port: number;
  readonly log: { readonly lines: LogLine[] };
  readonly client: OpenAI;
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Everything that the server answers to these bytes until it closes the connection. */
  raw(bytes: string | Uint8Array): Promise<string>;
  /** Resolves with the log line of the request that ends next. */
  nextLine(): Promise<LogLine>;
}

/** A server on a free port over scripted services; it is closed when the test ends. */
export async function runningServer(
  script: Script = {},
  { settings = {}, route = {} }: { settings?: Partial<HttpSettings>; route?: Partial<Route> } = {},
): Promise<RunningServer> {
  const services = new ScriptedServices(script, route);
  const recorded = recordingLog();
  const waiting: ((line: LogLine) => void)[] = [];
  const info = (fields: object, message: string): void => {
    recorded.info(fields, message);
    const line = recorded.lines.at(-1);
    if (message === "request" && line !== undefined) waiting.shift()?.(line);
  };
  const log = { ...recorded, info, child: () => log };
  let ids = 0;
  let clock = 0;
  const http = createServer({
    endpoints,
    context: {
      services,
      responses: new MemoryResponseStore({ responses: 10, characters: 1e6 }, 60_000, () => 0),
      now: () => 1_700_000_000,
      monotonic: () => {
        clock += 1;
        return clock;
      },
      newId: (prefix) => {
        ids += 1;
        return `${prefix}${ids}`;
      },
    },
    log,
    settings,
  });
  const { address } = await http.listen("127.0.0.1", 0);
  onTestFinished(() => http.close({ graceMs: 0 }));
  const port = Number(new URL(address).port);
  return {
    services,
    http,
    address,
    port,
    log: recorded,
    client: new OpenAI({ baseURL: `${address}/v1`, apiKey: "sk-canary", maxRetries: 0 }),
    post: (path, body, headers = {}) =>
      fetch(address + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async raw(bytes) {
      const socket = connect(port, "127.0.0.1");
      socket.write(bytes);
      return text(socket);
    },
    nextLine() {
      const { promise, resolve } = Promise.withResolvers<LogLine>();
      waiting.push(resolve);
      return promise;
    },
  };
}

export const chatBody = (more: object = {}): object => ({
  model: "dolly-v2-3b",
  messages: [{ role: "user", content: "How are you?" }],
  ...more,
});
