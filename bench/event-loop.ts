import type { BenchModel } from "./models.ts";
import { randomPrompt } from "./prompts.ts";
import type { ServerRounds } from "./report.ts";
import { MODEL, type ServedModel, startGateway } from "./server.ts";
import { StreamClient } from "./stream-client.ts";

const STREAMS = 8;

/** How late the gateway's event loop is while eight streams run at full speed and a prompt that fills a context is computed. */
export async function measureEventLoop(
  model: BenchModel,
  served: ServedModel,
  rounds: number,
): Promise<ServerRounds[]> {
  const gateway = await startGateway(served, { probed: true });
  const figures = [];
  try {
    for (let round = 0; round <= rounds; round += 1) {
      const stop = new AbortController();
      const client = new StreamClient(gateway.base, { keepAlive: false });
      const request = (prompt: readonly number[], tokens: number) => ({
        model: MODEL,
        prompt,
        max_tokens: tokens,
        temperature: 0,
        logit_bias: Object.fromEntries(model.controlTokens.map((id) => [id, -100])),
      });
      const begun = Array.from({ length: STREAMS }, () => Promise.withResolvers<void>());
      const streams = begun.map(({ resolve, reject }, index) =>
        client
          .stream(
            "/v1/completions",
            request(randomPrompt(model, 16, `${round} loop ${index}`), served.context - 50),
            {
              signal: stop.signal,
              onBytes: () => resolve(),
            },
          )
          .catch(reject),
      );
      await Promise.all(begun.map(({ promise }) => promise));
      await gateway.probe();
      await client.stream(
        "/v1/completions",
        request(randomPrompt(model, served.context - 48, `${round} long`), 8),
      );
      const { delayP99Ms, delayMaxMs } = await gateway.probe();
      stop.abort();
      await Promise.all(streams);
      client.close();
      if (round === 0) continue;
      figures.push({
        "event loop's delay beside 8 streams and a full prompt, p99, ms": delayP99Ms,
        "the same, most, ms": delayMaxMs,
      });
    }
  } finally {
    await gateway.stop();
  }
  return [{ name: "gateway", rounds: figures }];
}
