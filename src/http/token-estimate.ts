/** Characters of text to a token: OpenAI's rule of thumb. */
const CHARACTERS_PER_TOKEN = 4;
/** Answer tokens that are expected where a request sets no limit; Dolly's own default. */
const USUAL_ANSWER = 256;
/** Beyond this a figure is no expectation. */
const MOST = 1e9;

/** The fields that become a prompt, in the bodies of all endpoints. */
const PROMPT_FIELDS = ["messages", "prompt", "suffix", "input", "instructions", "system", "documents"];
/** The fields that limit an answer, the one that counts first. */
const ANSWER_FIELDS = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

/** Tokens that a request may use, from its body before it is checked: those of its prompt and of its whole answers. */
export function estimateTokens(body: unknown): number {
  if (typeof body !== "object" || body === null) return 0;
  const fields = new Map<string, unknown>(Object.entries(body));
  const prompt = PROMPT_FIELDS.reduce((sum, field) => sum + tokensIn(fields.get(field)), 0);
  const count = (names: readonly string[], otherwise: number): number => {
    const given = names.map((name) => fields.get(name)).find((value) => typeof value === "number");
    return typeof given === "number" && given >= 0 && given <= MOST ? given : otherwise;
  };
  const answers = Math.max(1, count(["n"], 1), count(["best_of"], 1)) * promptsIn(fields.get("prompt"));
  return Math.min(MOST, Math.ceil(prompt + answers * count(ANSWER_FIELDS, USUAL_ANSWER)));
}

/** A number is a token id. */
function tokensIn(value: unknown): number {
  if (typeof value === "string") return value.length / CHARACTERS_PER_TOKEN;
  if (typeof value === "number") return 1;
  if (typeof value !== "object" || value === null) return 0;
  let sum = 0;
  for (const part of Object.values(value)) sum += tokensIn(part);
  return sum;
}

/** A list of token ids is one prompt, a list of texts or of such lists as many as it has. */
const promptsIn = (prompt: unknown): number =>
  Array.isArray(prompt) && typeof prompt[0] !== "number" ? Math.max(1, prompt.length) : 1;
