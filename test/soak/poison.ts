import OpenAI, { APIError } from "openai";
import { z } from "zod";
import type { Random } from "../../drivers/local/random.ts";
import { getJson } from "./http-client.ts";
import { below, type Scenario } from "./scenario.ts";
import { POISON, scriptedGateway } from "./scripted-gateway.ts";

const SLOTS = 4;
const GOOD_CLIENTS = 8;
const POISONERS = 5;
const SENT_BY_EACH = 4;
const STRIKES = 2;

const restartCount = z.object({ placements: z.tuple([z.object({ restarts: z.int() })]) });

export const poison: Scenario = {
  name: "poison request",
  about: `${POISONERS} clients send one request that aborts the engine, ${SENT_BY_EACH} times each, among so many good ones by ${GOOD_CLIENTS} clients of OpenAI's library.`,
  size: 2000,
  async run({ size, random }) {
    const { gateway, address } = await scriptedGateway(SLOTS);
    try {
      const good = clientOf(address, "good", 2);
      const poisoners = Array.from({ length: POISONERS }, (_, index) => clientOf(address, `bad${index}`, 0));
      const poisoned: Promise<string>[] = [];
      let sent = 0;
      let lost = 0;
      const every = size / (POISONERS * SENT_BY_EACH);
      const work = async () => {
        while (sent < size) {
          sent += 1;
          if (sent % every === 0) {
            const poisoner = poisoners[poisoned.length % POISONERS] ?? good;
            poisoned.push(outcome(poisoner, [3, POISON]));
          }
          if ((await outcome(good, [5, Math.floor(sent / 1000), sent % 1000], random)) !== "answered")
            lost += 1;
        }
      };
      await Promise.all(Array.from({ length: GOOD_CLIENTS }, work));
      const outcomes = await Promise.all(poisoned);
      const [{ restarts }] = restartCount.parse(await getJson(`${address}/admin/models/scripted`)).placements;
      const count = (code: string) => outcomes.filter((one) => one === code).length;
      return [
        { what: "poison requests", value: outcomes.length, most: null },
        { what: "engines that died of them", value: restarts, most: STRIKES },
        { what: "refused without another try", value: count("engine_crashed"), most: null },
        {
          what: "neither refused nor ended by a death",
          value: outcomes.length - count("engine_crashed") - count("engine_unavailable"),
          most: 0,
        },
        { what: "good requests", value: sent, most: null },
        { what: "of them without an answer", value: (100 * lost) / sent, most: 1, unit: "%" },
      ];
    } finally {
      await gateway.close();
    }
  },
};

const clientOf = (address: string, apiKey: string, maxRetries: number) =>
  new OpenAI({ baseURL: `${address}/v1`, apiKey, maxRetries });

/** "answered", or the code of the error. */
async function outcome(client: OpenAI, prompt: number[], random?: Random): Promise<string> {
  const request = {
    model: "scripted",
    prompt,
    max_tokens: 1 + (random === undefined ? 8 : below(random, 16)),
    temperature: 0,
    logit_bias: { [POISON]: -100 },
  };
  try {
    await client.completions.create(request);
    return "answered";
  } catch (error) {
    return error instanceof APIError ? String(error.code) : String(error);
  }
}
