import { type Figures, MEASUREMENTS } from "./measurements.ts";
import { filledMemory } from "./memory.ts";
import type { BenchModel } from "./models.ts";
import { agreement, type ServerRounds } from "./report.ts";
import { type MeasuredServer, type ServedModel, startGateway, startLlamaServer } from "./server.ts";
import { convertedModel, gatewayStartup, llamaServerStartup } from "./startup.ts";
import { StreamClient } from "./stream-client.ts";

export interface Measured {
  readonly model: string;
  readonly servers: readonly ServerRounds[];
  /** What the peers' answers have in common with the gateway's. */
  readonly agreement: Readonly<Record<string, string>>;
}

/** A build of llama-server. */
export interface Peer {
  readonly name: string;
  readonly folder: string;
}

/** The gateway and its peers, all with the same model. */
export async function startAll(model: ServedModel, peers: readonly Peer[]): Promise<MeasuredServer[]> {
  const started: MeasuredServer[] = [];
  try {
    started.push(await startGateway(model));
    for (const { name, folder } of peers) started.push(await startLlamaServer(folder, name, model));
    return started;
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()));
    throw error;
  }
}

/** What is measured of one model. */
export interface Workload {
  readonly model: BenchModel;
  /** Names in MEASUREMENTS. */
  readonly rows: readonly string[];
}

/** Every round measures one server after the other; round 0 only warms up. */
export async function measureInTurns(
  servers: readonly MeasuredServer[],
  workload: Workload,
  rounds: number,
): Promise<Measured> {
  const figures = new Map(servers.map(({ name }) => [name, [] as Figures[]]));
  const texts = new Map(servers.map(({ name }) => [name, [] as string[]]));
  for (let round = 0; round <= rounds; round += 1) {
    console.error(`${workload.model.name}: ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}`);
    // Each round begins with another server.
    for (let turn = 0; turn < servers.length; turn += 1) {
      const server = servers[(round + turn) % servers.length];
      if (server === undefined) continue;
      const measured = await measureRound(server, workload, round);
      if (round === 0) continue;
      figures.get(server.name)?.push(measured.figures);
      texts.get(server.name)?.push(...measured.texts);
    }
  }
  const [ours = "", ...others] = servers.map(({ name }) => name);
  return {
    model: workload.model.name,
    servers: [...figures].map(([name, rounds]) => ({ name, rounds })),
    agreement: Object.fromEntries(
      others.map((name) => [name, agreement(texts.get(ours) ?? [], texts.get(name) ?? [])]),
    ),
  };
}

/** All rows of one server in one round; one that fails is told and costs only its own figures. */
async function measureRound(
  server: MeasuredServer,
  { model, rows }: Workload,
  round: number,
): Promise<{ figures: Figures; texts: string[] }> {
  const client = new StreamClient(server.base, { keepAlive: false });
  const figures: Record<string, number> = {};
  const texts: string[] = [];
  try {
    for (const row of rows) {
      const began = performance.now();
      try {
        const outcome = await MEASUREMENTS[row]?.({ server, model, client, round });
        console.error(`  ${server.name}: ${row}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
        Object.assign(figures, outcome?.figures);
        texts.push(...(outcome?.texts ?? []));
      } catch (error) {
        console.error(`${row} of ${server.name}, round ${round}:`, error);
      }
    }
  } finally {
    client.close();
  }
  return { figures, texts };
}

/** Memory of each server with all slots filled; each is started anew, so that one measurement is all there is. */
export async function measureMemory(
  model: BenchModel,
  served: ServedModel,
  peers: readonly Peer[],
): Promise<ServerRounds[]> {
  const name = `memory, ${served.slots} slots of ${served.context} filled, MiB`;
  const measured: ServerRounds[] = [];
  // One at a time: what two map of the same file would count half for each.
  const starts = [
    () => startGateway(served),
    ...peers.map(
      ({ name: peer, folder }) =>
        () =>
          startLlamaServer(folder, peer, served),
    ),
  ];
  for (const start of starts) {
    const server = await start();
    try {
      const filled = await filledMemory(server, model, served.slots, served.context);
      measured.push({ name: server.name, rounds: [{ [name]: filled }] });
    } finally {
      await server.stop();
    }
  }
  return measured;
}

/** Time from the start to the first token, one server after the other in every round. */
export async function measureStartup(
  cache: string,
  { served, peers, rounds }: { served: Omit<ServedModel, "gguf">; peers: readonly Peer[]; rounds: number },
): Promise<ServerRounds[]> {
  const name = "start to first token, ms";
  await gatewayStartup(cache);
  const model = { gguf: await convertedModel(cache), ...served };
  const measured = new Map<string, Figures[]>([
    ["gateway", []],
    ...peers.map((peer): [string, Figures[]] => [peer.name, []]),
  ]);
  for (let round = 0; round < rounds; round += 1) {
    measured.get("gateway")?.push({ [name]: await gatewayStartup(cache) });
    for (const peer of peers) {
      measured.get(peer.name)?.push({ [name]: await llamaServerStartup(peer.folder, model) });
    }
  }
  return [...measured].map(([server, figures]) => ({ name: server, rounds: figures }));
}
