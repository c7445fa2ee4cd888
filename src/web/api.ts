/** Talks to the gateway that this page came from. The key stays in this tab. */

export interface ModelFacts {
  readonly id: string;
  readonly license: string | null;
  readonly base_model: string | null;
  readonly limitations: string | null;
  readonly template: string;
  readonly context_length: number | null;
  readonly driver: string | null;
  readonly precision: string | null;
  readonly defaults: Readonly<Record<string, number | null>>;
}

export interface PlacementFacts {
  readonly id: string;
  readonly driver: string;
  readonly state: string;
  readonly precision: string | null;
  readonly memory_bytes: number | null;
  readonly slots: { readonly total: number; readonly busy: number } | null;
  readonly queued_requests: number;
  readonly restarts: number;
  readonly kv_usage?: number | null;
}

export interface AdminModel {
  readonly id: string;
  readonly placements: readonly PlacementFacts[];
}

export interface TokenScore {
  readonly token: string;
  readonly logprob: number;
  readonly top_logprobs: readonly { readonly token: string; readonly logprob: number }[];
}

export interface ChatChunk {
  readonly choices: readonly {
    readonly delta: { readonly content?: string | null };
    readonly logprobs?: { readonly content: readonly TokenScore[] | null } | null;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
}

export interface Rendered {
  readonly count: number;
  readonly tokens: readonly number[];
  readonly token_strs: readonly string[];
}

const KEY = "dolly-key";

export const storedKey = (): string => sessionStorage.getItem(KEY) ?? "";

export function storeKey(key: string): void {
  if (key === "") sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, key);
}

/** What the gateway refused, in its own words. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function headers(): Record<string, string> {
  const key = storedKey();
  return { "content-type": "application/json", ...(key === "" ? {} : { authorization: `Bearer ${key}` }) };
}

async function refusal(response: Response): Promise<Refused> {
  const text = await response.text();
  try {
    const body: { error?: { message?: string } } = JSON.parse(text);
    return new Refused(response.status, body.error?.message ?? text);
  } catch {
    return new Refused(response.status, text.slice(0, 300) || response.statusText);
  }
}

async function json<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { ...init, headers: headers() });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

export const listModels = async (): Promise<readonly ModelFacts[]> =>
  (await json<{ data: ModelFacts[] }>("/v1/models")).data;

export const adminModels = async (): Promise<readonly AdminModel[]> =>
  (await json<{ data: AdminModel[] }>("/admin/models")).data;

export const renderPrompt = (body: object): Promise<Rendered> =>
  json("/tokenize", { method: "POST", body: JSON.stringify({ ...body, return_token_strs: true }) });

/** The chunks of a streamed answer. Throws Refused, also for an error among them. */
export async function* streamChat(
  body: object,
  signal: AbortSignal,
): AsyncGenerator<ChatChunk, void, undefined> {
  const init = { method: "POST", headers: headers(), body: JSON.stringify(body), signal };
  const response = await fetch("/v1/chat/completions", init);
  if (!response.ok || response.body === null) throw await refusal(response);
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    rest += text;
    const frames = rest.split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      const data = frame
        .split("\n")
        .find((line) => line.startsWith("data: "))
        ?.slice("data: ".length);
      if (data === undefined || data === "[DONE]") continue;
      const value: ChatChunk & { error?: { message: string } } = JSON.parse(data);
      if (value.error) throw new Refused(500, value.error.message);
      yield value;
    }
  }
}
