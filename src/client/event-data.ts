import { OperatorError } from "../errors.ts";

/**
 * The data of an event stream's frames, one line each as this gateway sends them, up to `[DONE]`. Throws OperatorError where the
 * stream ends before that, and `signal.reason` where it is aborted.
 */
export async function* eventData(
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const text of textOf(response, signal)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      if (line === "data: [DONE]") return;
      yield line.slice("data: ".length);
    }
  }
  throw new OperatorError(CUT);
}

async function* textOf(response: Response, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  if (response.body === null) return;
  try {
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      signal.throwIfAborted();
      yield text;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new OperatorError(CUT, { cause: error });
  }
}

const CUT = "the connection ended before the answer did; the gateway may have stopped, ask again";
