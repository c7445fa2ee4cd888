import type { ResponseObject } from "./answer.ts";
import type { Item } from "./input.ts";

/** A response that is kept. */
export interface StoredResponse {
  readonly response: ResponseObject;
  /** What it was asked from, without the conversation before it. */
  readonly input: readonly Item[];
  /** What it answered, as items of a conversation. */
  readonly output: readonly Item[];
}

/** Keeps responses; one tenant's are never another's. Ids are unguessable. */
export interface ResponseStore {
  put(tenant: string, stored: StoredResponse): void;
  get(tenant: string, id: string): StoredResponse | undefined;
  /** An item of any stored response. */
  item(tenant: string, id: string): Item | undefined;
  /** False where there is none. */
  delete(tenant: string, id: string): boolean;
  close(): void;
}

/** The conversation up to a response and with it, from its beginning; undefined where a response of it is not stored any more. */
export function conversationUpTo(store: ResponseStore, tenant: string, id: string): Item[] | undefined {
  const turns: (readonly Item[])[] = [];
  for (let next: string | null | undefined = id; next; ) {
    const stored = store.get(tenant, next);
    if (stored === undefined) return undefined;
    turns.push([...stored.input, ...stored.output]);
    next = stored.response.previous_response_id;
  }
  return turns.toReversed().flat();
}
