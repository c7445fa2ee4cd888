import { OperatorError } from "../errors.ts";
import { reasonOf } from "../transfer/fetch-whole.ts";
import type { Registry } from "./registries.ts";

export interface Question {
  /** For messages: the package, or its file. */
  readonly what: string;
  readonly accept: string;
  readonly range?: string | undefined;
  readonly signal: AbortSignal;
}

/** A request to a registry, or to where it keeps its files. Throws OperatorError that says what to do; 416 is an answer. */
export async function askRegistry(registry: Registry, url: string, question: Question): Promise<Response> {
  const { what, accept, range, signal } = question;
  const { base, authorization, setting } = registry;
  const own = new URL(url).origin === new URL(base).origin;
  const headers = {
    "user-agent": "dolly-gateway",
    "accept-encoding": "identity",
    accept,
    ...(own && authorization !== undefined ? { authorization } : {}),
    ...(range === undefined ? {} : { range }),
  };
  const response = await fetch(url, { headers, signal, redirect: "follow" }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new OperatorError(
      `${what}: ${new URL(url).origin} cannot be reached (${reasonOf(error)}); ${setting} names another registry`,
      { cause: error },
    );
  });
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  const { status } = response;
  if (status === 401 || status === 403) {
    throw new OperatorError(
      `${what}: ${base} refuses it (${status}): it wants a name and password, or a token`,
    );
  }
  if (status === 404) {
    throw new OperatorError(
      `${what}: ${base} does not have it; ${setting} names a registry that has, such as the public one`,
    );
  }
  throw new OperatorError(`${what}: ${new URL(url).origin} answered ${status}; try again later`);
}
