import { expect, test } from "vitest";
import { chatBody, runningServer } from "./running-server.ts";

const CHAT = "/v1/chat/completions";

interface Attack {
  readonly name: string;
  readonly bytes: string | Uint8Array;
  readonly status: number;
  readonly code: string;
  readonly header?: RegExp;
}

const head = (line: string, headers: readonly string[] = []): string =>
  `${[line, "Host: localhost", ...headers].join("\r\n")}\r\n\r\n`;
const post = (body: string | Uint8Array, headers: readonly string[] = ["Content-Type: application/json"]) =>
  Buffer.concat([
    Buffer.from(
      head(`POST ${CHAT} HTTP/1.1`, [...headers, `Content-Length: ${body.length}`, "Connection: close"]),
    ),
    Buffer.from(body),
  ]);
const get = (path: string, headers: readonly string[] = []) =>
  head(`GET ${path} HTTP/1.1`, [...headers, "Connection: close"]);
const json = "Content-Type: application/json";

const attacks: readonly Attack[] = [
  { name: "no JSON", bytes: post("{nope"), status: 400, code: "invalid_json" },
  { name: "an empty body", bytes: post(""), status: 400, code: "invalid_json" },
  { name: "a million brackets", bytes: post("[".repeat(1_000_000)), status: 400, code: "invalid_json" },
  { name: "brackets one too deep", bytes: post("[".repeat(65)), status: 400, code: "invalid_json" },
  { name: "__proto__", bytes: post('{"__proto__":{"polluted":1}}'), status: 400, code: "invalid_json" },
  {
    name: "constructor.prototype",
    bytes: post('{"constructor":{"prototype":{"polluted":1}}}'),
    status: 400,
    code: "invalid_json",
  },
  {
    name: "bytes that are no UTF-8",
    bytes: post(Uint8Array.of(34, 0xff, 0xfe, 34)),
    status: 400,
    code: "invalid_json",
  },
  { name: "a list", bytes: post("[]"), status: 400, code: "invalid_value" },
  {
    name: "a Brotli body",
    bytes: post("x", [json, "Content-Encoding: br"]),
    status: 415,
    code: "unsupported_content_encoding",
  },
  {
    name: "a gzip body",
    bytes: post("x", [json, "Content-Encoding: gzip"]),
    status: 415,
    code: "unsupported_content_encoding",
  },
  {
    name: "plain text",
    bytes: post("{}", ["Content-Type: text/plain"]),
    status: 415,
    code: "unsupported_media_type",
  },
  { name: "no type", bytes: post("{}", []), status: 415, code: "unsupported_media_type" },
  {
    name: "UTF-16",
    bytes: post("{}", [`${json}; charset=utf-16`]),
    status: 415,
    code: "unsupported_media_type",
  },
  {
    name: "a gigabyte announced",
    bytes: head(`POST ${CHAT} HTTP/1.1`, [json, "Content-Length: 1000000000"]),
    status: 413,
    code: "request_too_large",
    header: /connection: close/i,
  },
  { name: "a path of nowhere", bytes: get("/v2/nothing"), status: 404, code: "unknown_url" },
  { name: "double slashes", bytes: get("//v1//models"), status: 404, code: "unknown_url" },
  { name: "capitals", bytes: get("/V1/models"), status: 404, code: "unknown_url" },
  {
    name: "a path to a file",
    bytes: get("/v1/models/..%2f..%2fetc%2fpasswd"),
    status: 404,
    code: "model_not_found",
  },
  { name: "a broken percent-encoding", bytes: get("/v1/models/%E0%A4%A"), status: 400, code: "bad_request" },
  { name: "a long path", bytes: get(`/${"a".repeat(5000)}`), status: 414, code: "uri_too_long" },
  {
    name: "GET on chat",
    bytes: get(CHAT),
    status: 405,
    code: "method_not_allowed",
    header: /allow: POST, OPTIONS/i,
  },
  {
    name: "DELETE on a model",
    bytes: head("DELETE /v1/models/x HTTP/1.1", ["Connection: close"]),
    status: 405,
    code: "method_not_allowed",
  },
  {
    name: "TRACE",
    bytes: head("TRACE /v1/models HTTP/1.1", ["Connection: close"]),
    status: 405,
    code: "method_not_allowed",
  },
  {
    name: "CONNECT",
    bytes: head("CONNECT example.org:443 HTTP/1.1"),
    status: 405,
    code: "method_not_allowed",
  },
  {
    name: "a web socket",
    bytes: head("GET /v1/models HTTP/1.1", ["Upgrade: websocket", "Connection: upgrade"]),
    status: 400,
    code: "bad_request",
  },
  {
    name: "an expectation",
    bytes: get("/v1/models", ["Expect: 200-ok"]),
    status: 417,
    code: "expectation_failed",
  },
  {
    name: "huge headers",
    bytes: get("/", [`X-Big: ${"a".repeat(20_000)}`]),
    status: 431,
    code: "header_too_large",
  },
  {
    name: "another site's name",
    bytes: "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    status: 403,
    code: "host_not_allowed",
  },
  { name: "no HTTP at all", bytes: "hello\r\n\r\n", status: 400, code: "bad_request" },
  {
    name: "two lengths",
    bytes: head(`POST ${CHAT} HTTP/1.1`, ["Content-Length: 1", "Content-Length: 2"]),
    status: 400,
    code: "bad_request",
  },
  {
    name: "length and chunks",
    bytes: head(`POST ${CHAT} HTTP/1.1`, ["Content-Length: 6", "Transfer-Encoding: chunked"]),
    status: 400,
    code: "bad_request",
  },
  {
    name: "a broken chunk",
    bytes: `${head(`POST ${CHAT} HTTP/1.1`, [json, "Transfer-Encoding: chunked"])}zz\r\n`,
    status: 400,
    code: "bad_request",
  },
];

test.each(attacks)(
  "$name is answered $status $code in OpenAI's shape",
  async ({ bytes, status, code, header }) => {
    const { raw, services } = await runningServer({}, { settings: { lingerMs: 20 } });
    const answer = await raw(bytes);
    const [top = "", body = ""] = answer.split("\r\n\r\n");
    expect(top).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(top).toMatch(/content-type: application\/json/i);
    expect(top).toMatch(/x-request-id: /i);
    if (header !== undefined) expect(top).toMatch(header);
    const { error } = JSON.parse(body);
    expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/./) });
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    expect(services.requests).toEqual([]);
  },
);

test("a body that never ends is refused at the limit, and the client can read why", async () => {
  const { post } = await runningServer({}, { settings: { bodyBytes: 1000 } });
  const answer = await post(CHAT, chatBody({ user: "x".repeat(3_000_000) }));
  expect(answer.status).toBe(413);
  expect(await answer.json()).toMatchObject({ error: { code: "request_too_large" } });
});

test("a request that drips in is answered 408 and not to be tried again", async () => {
  const settings = { headersTimeoutMs: 50, requestTimeoutMs: 100, checkMs: 20 };
  const { raw } = await runningServer({}, { settings });
  const headers = await raw("GET /health HTTP/1.1\r\nHost: local");
  expect(headers).toMatch(/^HTTP\/1.1 408 [\s\S]*x-should-retry: false[\s\S]*request_timeout/i);
  const body = await raw(head(`POST ${CHAT} HTTP/1.1`, [json, "Content-Length: 100"]));
  expect(body).toMatch(/^HTTP\/1.1 408 [\s\S]*request_timeout/);
});

test("an unforeseen failure says nothing of itself to the client and everything to the log", async () => {
  const secret = new Error("/etc/secret");
  const { post, log } = await runningServer({
    before: () => {
      throw secret;
    },
  });
  const answer = await post(CHAT, chatBody());
  expect(answer.status).toBe(500);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  const body = await answer.text();
  expect(JSON.parse(body)).toMatchObject({ error: { code: "internal_error", type: "server_error" } });
  expect(body).not.toContain("secret");
  expect(log.lines).toContainEqual(expect.objectContaining({ level: "error", fields: { err: secret } }));
});

test("HEAD answers as GET without a body; OPTIONS says what is allowed and opens nothing to other sites", async () => {
  const { address } = await runningServer();
  const headAnswer = await fetch(`${address}/v1/models`, { method: "HEAD" });
  expect(headAnswer.status).toBe(200);
  expect(Number(headAnswer.headers.get("content-length"))).toBeGreaterThan(100);
  const options = await fetch(address + CHAT, {
    method: "OPTIONS",
    headers: { origin: "https://evil.example" },
  });
  expect(options.status).toBe(204);
  expect(options.headers.get("allow")).toBe("POST, OPTIONS");
  expect(options.headers.get("access-control-allow-origin")).toBeNull();
});

test("a client's request id comes back where it is safe, and one of our own otherwise", async () => {
  const { address } = await runningServer();
  const idOf = async (given: string) =>
    (await fetch(`${address}/health`, { headers: { "x-request-id": given } })).headers.get("x-request-id");
  expect(await idOf("trace-1.a_B")).toBe("trace-1.a_B");
  expect(await idOf("http://169.254.169.254/")).toMatch(/^req_\d+$/);
  expect(await idOf("a".repeat(65))).toMatch(/^req_\d+$/);
});

test("Java's client, which offers h2c and sends chunks, is answered as any other", async () => {
  const { raw } = await runningServer();
  const body = JSON.stringify(chatBody());
  const answer = await raw(
    `${head(`POST ${CHAT} HTTP/1.1`, [
      json,
      "Connection: Upgrade, HTTP2-Settings, close",
      "Upgrade: h2c",
      "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
      "Transfer-Encoding: chunked",
    ])}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 200 [\s\S]*"content":"fine"/);
});
