import { drivers } from "../../drivers/index.ts";
import { readDocument } from "../../src/config/document.ts";
import { parseConfig } from "../../src/config/load.ts";
import { templates } from "../../src/templates/index.ts";

const known = drivers.map(({ name }) => name);
const names = templates.map(({ name }) => name);

/** What the configs of deploy/ take from the environment. */
const env = {
  DOLLY_MODEL_FILE: "/models/m.gguf",
  DOLLY_METRICS_KEY: "metrics",
  DOLLY_ADMIN_KEY: "admin",
  DOLLY_API_KEY: "sk-0123456789abcdef",
  VLLM_API_KEY: "vllm",
};

/** Whether every driver that the config names is in this build. */
export const isServed = (text: string): boolean =>
  [...text.matchAll(/"?\bdriver"?: ?"?([\w-]+)/g)].every(([, driver = ""]) => known.includes(driver));

/** Throws OperatorError with what an operator would be told of the config; `name` is for messages. */
export function checkGatewayConfig(name: string, text: string): void {
  parseConfig(readDocument(name, Buffer.from(text), env), [], drivers, names);
}
