import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { z } from "zod";

const value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: z.number() }),
  z.strictObject({ doubleValue: z.number() }),
  z.strictObject({ arrayValue: z.strictObject({ values: z.array(z.object({ stringValue: z.string() })) }) }),
]);
const attribute = z.object({ key: z.string(), value });
const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  traceState: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  attributes: z.array(attribute),
  events: z.array(z.object({ name: z.string() })),
  status: z.object({ code: z.number() }),
});
const delivery = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(attribute) }),
      scopeSpans: z.array(z.object({ spans: z.array(span) })),
    }),
  ),
});

export type ReceivedSpan = Omit<z.output<typeof span>, "attributes"> & {
  readonly attributes: Readonly<Record<string, unknown>>;
};

export interface OtlpReceiver {
  /** Where traces are sent. */
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly resource: Readonly<Record<string, unknown>>;
  readonly headers: IncomingHttpHeaders;
  named(name: string): ReceivedSpan;
}

const read = (attributes: readonly z.output<typeof attribute>[]): Record<string, unknown> =>
  Object.fromEntries(
    attributes.map(({ key, value: one }) => [
      key,
      "arrayValue" in one
        ? one.arrayValue.values.map(({ stringValue }) => stringValue)
        : Object.values(one)[0],
    ]),
  );

/** Takes traces as a collector does (OTLP over HTTP, as JSON). */
export async function otlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: IncomingHttpHeaders = {};
  const resource: Record<string, unknown> = {};
  const server = createServer(async (request, response) => {
    const { resourceSpans } = delivery.parse(await json(request));
    Object.assign(headers, request.headers);
    for (const { resource: from, scopeSpans } of resourceSpans) {
      Object.assign(resource, read(from.attributes));
      for (const one of scopeSpans.flatMap(({ spans: sent }) => sent)) {
        spans.push({ ...one, attributes: read(one.attributes) });
      }
    }
    response.setHeader("content-type", "application/json").end("{}");
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address() satisfies AddressInfo | string | null;
  if (address === null || typeof address === "string") throw new TypeError("a TCP server has an address");
  return {
    url: `http://127.0.0.1:${address.port}/v1/traces`,
    spans,
    resource,
    headers,
    named(name) {
      const found = spans.filter((one) => one.name === name);
      const [only] = found;
      if (only === undefined || found.length > 1) {
        throw new Error(
          `${found.length} spans are named ${name}: ${spans.map((one) => one.name).join(", ")}`,
        );
      }
      return only;
    },
  };
}
