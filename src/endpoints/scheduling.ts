import type { Model } from "../core/driver.ts";
import type { Scheduling } from "../core/generation.ts";
import type { PromptTemplate } from "../core/template.ts";
import type { Route } from "../routing/route.ts";

/** When a prompt is served, and what of it others may share. */
export function schedulingOf(
  priority: number | undefined,
  { route, tenant, model, prompt }: SchedulingParts,
): Scheduling {
  return {
    priority: priority ?? 0,
    tenant,
    sharedPrefix: commonLength(prompt, templateHead(route.template, model)),
    maxTimeMs: route.requestTimeout === 0 ? null : route.requestTimeout * 1000,
  };
}

export interface SchedulingParts {
  readonly route: Route;
  readonly tenant: string;
  readonly model: Model;
  /** Token ids. */
  readonly prompt: readonly number[];
}

const heads = new WeakMap<Model, Map<PromptTemplate, readonly number[]>>();

/** Tokens that a template's prompts begin with, whatever they say: what two different ones have in common. */
function templateHead(template: PromptTemplate, model: Model): readonly number[] {
  const known = heads.get(model) ?? new Map<PromptTemplate, readonly number[]>();
  heads.set(model, known);
  const head = known.get(template) ?? commonHead(template, model);
  known.set(template, head);
  return head;
}

function commonHead(template: PromptTemplate, model: Model): readonly number[] {
  const rendered = (content: string) =>
    model.tokenize(template.render([{ role: "user", content }], { multiTurn: "single", documents: [] }));
  const [one, other] = [rendered("Why?"), rendered("0")];
  return one.slice(0, commonLength(one, other));
}

function commonLength(left: readonly number[], right: readonly number[]): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) if (left[at] !== right[at]) return at;
  return length;
}
