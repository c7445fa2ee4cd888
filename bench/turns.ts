import { type Figures, measureRound, type Workload } from "./measure.ts";
import { agreement, type ServerRounds } from "./report.ts";
import { type MeasuredServer, type ServedModel, startGateway, startLlamaServer } from "./server.ts";
import { convertedModel, gatewayStartup, llamaServerStartup } from "./startup.ts";

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

/** Every round measures one server after the other; round 0 only warms up. */
export async function measureInTurns(
  servers: readonly MeasuredServer[],
  workload: Workload,
  rounds: number,
): Promise<Measured> {
  const figures = new Map(servers.map(({ name }) => [name, [] as Figures[]]));
  const texts = new Map(servers.map(({ name }) => [name, [] as string[]]));
  // Round 0 warms up; each round begins with another server.
  for (let round = 0; round <= rounds; round += 1) {
    console.error(`${workload.model.name}: ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}`);
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
