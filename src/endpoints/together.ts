import { z } from "zod";

/** What one of several processes that serve together answers. */
export interface OfWorker {
  /** From 1 on. */
  readonly worker: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const subject = z.looseObject({
  id: z.string(),
  placements: z.array(z.looseObject({})),
  retries_left: z.number().optional(),
});
type Subject = z.output<typeof subject>;
const list = z.looseObject({ data: z.array(subject) });

/** A model's placements, each as it stands in each worker. */
export function modelOfAll(answers: readonly OfWorker[]): object {
  return merged(answers.map(({ worker, body }) => placed(subject.parse(body), worker)));
}

/** The same of every model. */
export function modelsOfAll(answers: readonly OfWorker[]): object {
  const models = answers.flatMap(({ worker, body }) =>
    list.parse(body).data.map((model) => placed(model, worker)),
  );
  const data = [...Map.groupBy(models, ({ id }) => id).values()].map(merged);
  return { ...answers[0]?.body, data };
}

const placed = ({ placements, ...model }: Subject, worker: number): Subject => ({
  ...model,
  placements: placements.map(({ id, ...rest }) => ({ id, worker, ...rest })),
});

function merged(models: readonly Subject[]): object {
  const [first] = models;
  const retries = models.flatMap(({ retries_left: left }) => left ?? []);
  const placements = models.flatMap((model) => model.placements);
  return {
    ...first,
    ...(retries.length === 0 ? {} : { retries_left: retries.reduce((sum, left) => sum + left, 0) }),
    placements: placements.toSorted((one, other) => String(one["id"]).localeCompare(String(other["id"]))),
  };
}

const config = z.looseObject({
  limits: z.looseObject({ reachable: z.boolean().nullable(), failures: z.number() }),
});

/** The configuration is the same in all; what they see of Redis is not. */
export function configOfAll(answers: readonly OfWorker[]): object {
  const bodies = answers.map(({ body }) => config.parse(body));
  const [first] = bodies;
  const limits = bodies.map((body) => body.limits);
  return {
    ...first,
    limits: {
      ...first?.limits,
      reachable: limits.some(({ reachable }) => reachable === false)
        ? false
        : (first?.limits.reachable ?? null),
      failures: limits.reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}
