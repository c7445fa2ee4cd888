/** OpenAI's fields that are the same for requests which belong together, the one that says so first. */
const SESSION_FIELDS = ["prompt_cache_key", "user", "safety_identifier"];

/** The session that a body names; undefined where it names none. */
export function sessionIn(body: object): string | undefined {
  const fields = new Map<string, unknown>(Object.entries(body));
  const named = SESSION_FIELDS.map((name) => fields.get(name)).find((value) => typeof value === "string");
  return typeof named === "string" && named !== "" ? named : undefined;
}
