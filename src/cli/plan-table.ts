import { gigabytes } from "../core/gigabytes.ts";
import type { MachineFacts } from "../core/machine.ts";
import type { PlanRow } from "../placement/plan.ts";

/** Of less than one, two digits say more. */
const amount = (bytes: number): string => gigabytes(bytes, bytes < 1e9 ? 2 : 1);

/** A plan as people read it. */
export function planTable(
  machine: MachineFacts,
  models: readonly { readonly model: string; readonly rows: readonly PlanRow[] }[],
): string {
  const gpus = machine.gpus.map(({ name, freeMemory }) => `${name} (${amount(freeMemory)} free)`);
  const head = [
    `Main memory ${amount(machine.memory)}, ${amount(machine.availableMemory)} available; ${machine.cores} cores.`,
    `GPUs: ${gpus.length === 0 ? "none" : gpus.join(", ")}.`,
  ];
  const parts = models.flatMap(({ model, rows }) => ["", model, ...table([COLUMNS, ...rows.map(cells)])]);
  return `${[...head, ...parts].join("\n")}\n`;
}

const COLUMNS = [
  "placement",
  "driver",
  "type",
  "on",
  "weights",
  "KV/slot",
  "pass",
  "slots",
  "total",
  "free",
  "in RAM",
  "room for",
  "tokens/s",
  "",
];

function cells({ id, driver, verdict, rule, device, precision, memory, tokensPerSecond }: PlanRow): string[] {
  const of = (bytes: number | undefined): string => (bytes === undefined ? "-" : amount(bytes));
  return [
    id,
    driver,
    precision ?? "-",
    device,
    of(memory?.weights),
    of(memory?.kvPerSlot),
    of(memory?.pass),
    memory === null ? "-" : String(memory.slots),
    of(memory?.total),
    of(memory?.available),
    of(memory?.host?.total),
    memory === null ? "-" : `${memory.slotsThatFit} slots`,
    tokensPerSecond === null
      ? "-"
      : `<= ${tokensPerSecond < 10 ? tokensPerSecond.toFixed(1) : tokensPerSecond.toFixed(0)}`,
    `${verdict.toUpperCase()}: ${rule}`,
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map(
    (row) =>
      `  ${row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd()}`,
  );
}
