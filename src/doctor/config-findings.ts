import { createConnection } from "node:net";
import { planModel } from "../config/planned.ts";
import type { Config } from "../config/schema.ts";
import type { Driver } from "../core/driver.ts";
import type { Finding } from "../core/finding.ts";
import type { MachineFacts } from "../core/machine.ts";

export interface ConfigSources {
  readonly folder: string;
  readonly drivers: readonly Driver[];
  readonly machine: MachineFacts;
}

/** Milliseconds that somebody else's server has to answer. */
const PATIENCE_MS = 3000;

/** What a checked config wants: its placements, other engines, Redis, its port. */
export async function configFindings(config: Config, sources: ConfigSources): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of Object.keys(config.models))
    findings.push(...(await modelFindings(name, config, sources)));
  const { redis } = config.rate_limits;
  if (redis !== undefined) findings.push(await reachable("Redis of rate_limits", new URL(redis), 6379));
  if (config.api_keys === undefined && !/^(127\.|localhost$|::1$)/.test(config.host)) {
    findings.push({
      what: "API keys",
      state: "warning",
      detail: `none, and it listens on ${config.host}: everybody who reaches it may use it`,
      mend: "set api_keys, or DOLLY_API_KEY (docs/keys.md)",
    });
  }
  return findings;
}

async function modelFindings(
  name: string,
  config: Config,
  { folder, drivers, machine }: ConfigSources,
): Promise<Finding[]> {
  const model = config.models[name];
  if (model === undefined) return [];
  const rows = await planModel(name, model, { drivers, folder, machine, bandwidth: null });
  const usable = rows.some(({ verdict }) => verdict === "chosen");
  const findings = rows.map(({ id, driver, verdict, rule }): Finding => {
    const what = `${id} (${driver})`;
    if (verdict === "chosen" || verdict === "next") return { what, state: "ok", detail: rule };
    const detail = `${verdict}: ${rule}`;
    if (verdict === "left out") return { what, state: "note", detail };
    return { what, state: usable ? "warning" : "problem", detail, mend: mendOf(verdict, rule) };
  });
  for (const [index, placement] of model.placements.entries()) {
    const base = placement["api_base"];
    if (typeof base !== "string") continue;
    findings.push(
      await reachable(`${name}/${index}: engine`, new URL(base), base.startsWith("https") ? 443 : 80),
    );
  }
  return findings;
}

const mendOf = (verdict: string, rule: string): string =>
  verdict === "too large"
    ? "lower parallel or max_model_len, or take a smaller type: dolly plan --config FILE"
    : /no such file|not exist|ENOENT/.test(rule)
      ? "correct the path, or name a repository and run: dolly pull OWNER/NAME"
      : "dolly plan --config FILE says more";

/** Whether somebody listens there; nothing is said to it. */
function reachable(what: string, url: URL, usualPort: number): Promise<Finding> {
  const port = url.port === "" ? usualPort : Number(url.port);
  const where = `${url.hostname}:${port}`;
  return new Promise((resolve) => {
    const socket = createConnection({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port,
      timeout: PATIENCE_MS,
    });
    const end = (finding: Finding): void => {
      socket.destroy();
      resolve(finding);
    };
    const away = (reason: string): void =>
      end({
        what,
        state: "problem",
        detail: `${where}: ${reason}`,
        mend: `start it, or correct its address`,
      });
    socket.once("connect", () => end({ what, state: "ok", detail: `${where} answers` }));
    socket.once("timeout", () => away(`nobody answers within ${PATIENCE_MS / 1000} s`));
    socket.once("error", (error) => away(error.message));
  });
}
