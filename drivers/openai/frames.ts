/** Longest line of an event stream, in bytes: a token with twenty alternatives takes some kilobytes. */
const LONGEST_LINE = 1 << 20;

/** An event stream that no server that means well would send. */
export class BrokenStream extends Error {
  override readonly name = "BrokenStream";
}

/**
 * The data of a server-sent event stream's frames, without their comments and other fields (WHATWG, "Interpreting an event
 * stream"; a frame of several `data:` lines joins them). Throws BrokenStream where a line is too long.
 */
export async function* frames(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  let data: string[] = [];
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = lineEnd(rest, from); end !== undefined; end = lineEnd(rest, from)) {
      const line = rest.slice(from, end.at);
      from = end.next;
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        data = [];
      } else if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
    }
    rest = rest.slice(from);
    if (rest.length > LONGEST_LINE)
      throw new BrokenStream(`a line of its stream is longer than ${LONGEST_LINE} bytes`);
  }
}

/** Where the line that begins at `from` ends, and the next one begins; undefined while that is not known. */
function lineEnd(text: string, from: number): { at: number; next: number } | undefined {
  const feed = text.indexOf("\n", from);
  const carriage = text.indexOf("\r", from);
  if (carriage < 0 || (feed >= 0 && feed < carriage))
    return feed < 0 ? undefined : { at: feed, next: feed + 1 };
  // A line feed may yet follow.
  if (carriage === text.length - 1) return undefined;
  return { at: carriage, next: carriage + (text[carriage + 1] === "\n" ? 2 : 1) };
}
