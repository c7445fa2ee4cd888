import type { IncomingMessage } from "node:http";
import { parse } from "secure-json-parse";
import { nestsDeeperThan } from "../core/json-depth.ts";
import { GatewayError } from "../errors.ts";

export interface BodyLimits {
  /** Most bytes; no more than that is ever held. */
  readonly bodyBytes: number;
  readonly jsonDepth: number;
}

/**
 * The JSON body of a request. Throws GatewayError: `unsupported_content_encoding` (before anything is decoded),
 * `unsupported_media_type`, `request_too_large`, `invalid_json`, `client_closed_request`.
 */
export async function readJson(request: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  requireIdentity(request.headers["content-encoding"]);
  requireJson(request.headers["content-type"]);
  const bytes = await readBytes(request, limits.bodyBytes);
  if (bytes.length === 0) throw invalidJson("the body is empty");
  if (nestsDeeperThan(bytes, limits.jsonDepth)) {
    throw invalidJson(`it nests deeper than ${limits.jsonDepth} levels`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalidJson("it is not UTF-8", cause);
  }
  try {
    const value: unknown = parse(text);
    return value;
  } catch (cause) {
    throw invalidJson("it is malformed or holds a forbidden key", cause);
  }
}

const invalidJson = (reason: string, cause?: unknown): GatewayError =>
  new GatewayError("invalid_json", `We could not parse the JSON body of your request: ${reason}.`, { cause });

/** CVE-2026-111497 and decompression bombs: no decoder ever sees a request body. */
function requireIdentity(encoding: string | undefined): void {
  if (encoding === undefined || encoding.trim().toLowerCase() === "identity") return;
  throw new GatewayError(
    "unsupported_content_encoding",
    "Encoded request bodies are not accepted; send the body without Content-Encoding.",
  );
}

function requireJson(contentType = ""): void {
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  const charset = parameters.map((item) => item.trim()).find((item) => item.startsWith("charset="));
  const isJson = /^application\/([\w.-]+\+)?json$/.test(type.trim());
  if (isJson && (charset === undefined || /^charset="?utf-?8"?$/.test(charset))) return;
  throw new GatewayError(
    "unsupported_media_type",
    "The body must be JSON in UTF-8; send it with Content-Type: application/json.",
  );
}

async function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError("a request stream gives buffers");
      length += chunk.length;
      if (length > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof GatewayError || !request.destroyed) throw cause;
    throw new GatewayError("client_closed_request", "The client went away while it sent its request.", {
      cause,
    });
  }
  return Buffer.concat(chunks, length);
}

const tooLarge = (limit: number): GatewayError =>
  new GatewayError("request_too_large", `The body is larger than ${limit} bytes.`);
