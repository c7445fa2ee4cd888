/** The data of an event stream's frames, one line each as this gateway sends them, up to `[DONE]`. */
export async function* eventData(
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  if (response.body === null) return;
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    signal.throwIfAborted();
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      if (line === "data: [DONE]") return;
      yield line.slice("data: ".length);
    }
  }
}
