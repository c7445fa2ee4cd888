import { OperatorError } from "../errors.ts";
import type { Route } from "./route.ts";

/** Throws OperatorError where the route's template needs control tokens that the model's tokenizer lacks. */
export function checkTemplate(
  { name, template }: Route,
  { controlTokens }: { controlTokens: readonly string[] },
): void {
  const missing = template.controlTokens.filter((token) => !controlTokens.includes(token));
  if (missing.length === 0) return;
  const tokens = missing.map((token) => JSON.stringify(token)).join(", ");
  throw new OperatorError(
    `${name}: the template "${template.name}" needs control tokens that the model's tokenizer lacks: ${tokens}. ` +
      'Choose the template that the model was trained with, or "plain".',
  );
}
