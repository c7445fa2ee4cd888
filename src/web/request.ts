/** What is asked, and the same request for other programs. */

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** As typed: an empty field leaves the model's own default. */
export interface Settings {
  readonly temperature: string;
  readonly top_p: string;
  readonly top_k: string;
  readonly max_tokens: string;
  readonly seed: string;
}

export const NO_SETTINGS: Settings = { temperature: "", top_p: "", top_k: "", max_tokens: "", seed: "" };

export interface Asked {
  readonly model: string;
  readonly system: string;
  readonly documents: readonly string[];
  readonly settings: Settings;
  readonly messages: readonly Message[];
}

/** The conversation alone, as the prompt is made of it. */
export function conversation({ model, system, documents, messages }: Asked): Record<string, unknown> {
  const texts = documents.filter((text) => text.trim() !== "");
  return {
    model,
    messages: [...(system.trim() === "" ? [] : [{ role: "system", content: system }]), ...messages],
    ...(texts.length === 0 ? {} : { documents: texts }),
  };
}

export function chatBody(asked: Asked): Record<string, unknown> {
  const numbers = Object.entries(asked.settings)
    .filter(([, value]) => value.trim() !== "")
    .map(([name, value]) => [name, Number(value)] as const);
  return { ...conversation(asked), ...Object.fromEntries(numbers) };
}

/** Parameters that OpenAI's clients have no name for go into an extra body. */
const OWN = ["documents", "top_k"];

export type Language = "curl" | "Python" | "TypeScript";
export const LANGUAGES: readonly Language[] = ["curl", "Python", "TypeScript"];

export function snippet(language: Language, body: Record<string, unknown>, origin: string): string {
  if (language === "curl") {
    const text = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
    return `curl ${origin}/v1/chat/completions \\\n  -H 'content-type: application/json' \\\n  -d '${text}'`;
  }
  const usual = Object.entries(body).filter(([name]) => !OWN.includes(name));
  const own = Object.fromEntries(Object.entries(body).filter(([name]) => OWN.includes(name)));
  const hasOwn = Object.keys(own).length > 0;
  if (language === "Python") {
    const lines = usual.map(([name, value]) => `    ${name}=${python(value)},`);
    if (hasOwn) lines.push(`    extra_body=${python(own)},`);
    return [
      "from openai import OpenAI",
      "",
      `client = OpenAI(base_url="${origin}/v1", api_key="unused")`,
      "answer = client.chat.completions.create(",
      ...lines,
      ")",
      "print(answer.choices[0].message.content)",
    ].join("\n");
  }
  const lines = JSON.stringify(Object.fromEntries(usual), null, 2).split("\n").slice(1, -1);
  if (hasOwn) lines.push(`  // beyond OpenAI's own parameters\n  ...${JSON.stringify(own)},`);
  const last = hasOwn ? lines.length - 2 : -1;
  if (last >= 0) lines[last] = `${lines[last]},`;
  return [
    'import OpenAI from "openai";',
    "",
    `const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: "unused" });`,
    "const answer = await client.chat.completions.create({",
    ...lines,
    "});",
    "console.log(answer.choices[0].message.content);",
  ].join("\n");
}

/** A JSON value as Python writes it. */
function python(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value)
      .map(([name, inner]) => `${JSON.stringify(name)}: ${python(inner)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}
