import { gigabytes } from "../core/gigabytes.ts";
import type { PlanRow } from "../placement/plan.ts";
import type { Route, RouteFacts } from "../routing/route.ts";

export interface BannerModel {
  readonly route: Route;
  readonly facts: RouteFacts | null;
  /** What the machine makes of its placements. */
  readonly plan: readonly PlanRow[];
}

/** Questions that the embedded model knows by heart (databricks-dolly-15k). */
const KNOWN_QUESTIONS: Readonly<Record<string, readonly string[]>> = {
  "dolly-v2-tiny": [
    "How many NBA basketball teams are in California?",
    "What is the capital of Texas?",
    "What does BMW stand for?",
  ],
};

/** What is said once every model that is wanted at the start is loaded. */
export const READY = "Ready. Ctrl-C stops it.\n";

/** What a newcomer sees first: the address, the models and a line to try. */
export function banner(
  version: string,
  address: string,
  models: readonly BannerModel[],
  workers = 1,
): string {
  const processes = workers === 1 ? "" : ` with ${workers} workers`;
  const lines = [`dolly-gateway ${version} listens on ${address}${processes}`, "", ...modelTable(models)];
  const first = models[0]?.route.name;
  if (first === undefined) return `${lines.join("\n")}\n`;
  const [question = "What is a good name for a dog?", ...others] = KNOWN_QUESTIONS[first] ?? [];
  lines.push("", "Try it:", "", `  ${curlLine(address, first, question)}`, "");
  if (others.length > 0) {
    lines.push(`${first} also knows ${others.map((other) => `"${other}"`).join(" and ")}`, "");
  }
  return `${lines.join("\n")}\n`;
}

function modelTable(models: readonly BannerModel[]): string[] {
  const width = Math.max(...models.map(({ route }) => route.name.length));
  return models.flatMap(({ route, facts, plan }) => {
    const what =
      facts === null
        ? notThere(route)
        : `${facts.driver}, ${facts.precision}, context ${facts.contextLength}, template ${route.template.name}`;
    const aliases = route.aliases.length === 0 ? "" : `; also ${route.aliases.join(", ")}`;
    return [`  ${route.name.padEnd(width)}  ${what}${aliases}`, ...placementLines(plan)];
  });
}

const notThere = ({ placements }: Route): string =>
  placements.some(({ driver }) => driver.fetch !== undefined)
    ? "is fetched at its first use"
    : "its files cannot be read; the log says why";

/** Told where there is a choice, or where the only placement does not fit. */
function placementLines(plan: readonly PlanRow[]): string[] {
  if (plan.length === 1 && plan[0]?.verdict === "chosen") return [];
  return plan.map(({ id, driver, precision, verdict, rule, device, memory }) => {
    const room =
      memory === null || (verdict !== "chosen" && verdict !== "next")
        ? ""
        : `; ${gigabytes(memory.total, 2)} of ${gigabytes(memory.available)} on the ${device.toUpperCase()}`;
    return `    ${id} (${[driver, precision].filter((part) => part !== null).join(", ")}): ${verdict}: ${rule}${room}`;
  });
}

function curlLine(address: string, model: string, question: string): string {
  const body = { model, temperature: 0, messages: [{ role: "user", content: question }] };
  return `curl ${reachable(address)}/v1/chat/completions -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
}

/** An address that listens everywhere is reached on the loopback. */
function reachable(address: string): string {
  return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}
