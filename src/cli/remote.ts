import { GatewayClient, type RunningPlacement } from "../client/gateway-client.ts";
import type { Terminal } from "./terminal.ts";

/** Where commands find the gateway that they ask. */
export interface RemoteFlags {
  readonly url?: string;
  readonly apiKey?: string;
  readonly json?: boolean;
}

const USUAL = "http://127.0.0.1:8000";

/** `named`: somebody said where; else it is the usual place. */
export function addressOf(
  { url, apiKey }: RemoteFlags,
  env: Terminal["env"],
): { url: string; key: string | undefined; named: boolean } {
  const named = url ?? (env["DOLLY_URL"] || undefined);
  return {
    url: named ?? USUAL,
    key: apiKey ?? (env["DOLLY_API_KEY"] || undefined),
    named: named !== undefined,
  };
}

/** The models that a running gateway serves. */
export async function modelsCommand(
  flags: RemoteFlags,
  { env, print }: Pick<Terminal, "env" | "print">,
): Promise<void> {
  const models = await new GatewayClient(addressOf(flags, env)).models();
  if (flags.json) {
    print(`${JSON.stringify(models, null, 2)}\n`);
    return;
  }
  const rows = models.map(({ id, driver, precision, context_length, license }) => [
    id,
    driver ?? "-",
    precision ?? "-",
    String(context_length ?? "-"),
    license ?? "-",
  ]);
  print(table(["MODEL", "DRIVER", "TYPE", "CONTEXT", "LICENCE"], rows));
}

/** What a running gateway does: models, slots, queues, memory. `/admin` answers on its own machine, or to its key. */
export async function psCommand(
  flags: RemoteFlags,
  { env, print }: Pick<Terminal, "env" | "print">,
): Promise<void> {
  const { url, key } = addressOf(flags, env);
  const admin = flags.apiKey ?? (env["DOLLY_ADMIN_KEY"] || key);
  const running = await new GatewayClient({ url, key: admin }).running();
  if (flags.json) {
    print(`${JSON.stringify(running, null, 2)}\n`);
    return;
  }
  const rows = running.flatMap(({ placements }) => placements.map(row));
  print(table(["PLACEMENT", "DRIVER", "TYPE", "STATE", "SLOTS", "WAITING", "MEMORY", "RESTARTS"], rows));
}

const row = (one: RunningPlacement): string[] => [
  one.worker === undefined ? one.id : `${one.id} (worker ${one.worker})`,
  one.driver,
  one.precision ?? "-",
  one.progress === null ? one.state : `${one.state} ${Math.round(one.progress * 100)} %`,
  one.slots === null ? "-" : `${one.slots.busy}/${one.slots.total}`,
  String(one.queued_requests),
  one.memory_bytes === null ? "-" : `${Math.round(one.memory_bytes / 1e6)} MB`,
  String(one.restarts),
];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((cells) => cells[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  return `${all.map(line).join("\n")}\n`;
}
