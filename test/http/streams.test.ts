import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { gate } from "../routing/stand-ins.ts";
import { chatBody, runningServer } from "./running-server.ts";

const CHAT = "/v1/chat/completions";

function chatRequest(more: object): string {
  const body = JSON.stringify(chatBody(more));
  const headers = ["Host: localhost", "Content-Type: application/json", `Content-Length: ${body.length}`];
  return `${[`POST ${CHAT} HTTP/1.1`, ...headers].join("\r\n")}\r\n\r\n${body}`;
}

test("a failure before the first event is an ordinary error; one after it is one frame, and the stream ends", async () => {
  const { post, services } = await runningServer({
    answer: () => "abc",
    before(place) {
      if (place === 2) throw new GatewayError("engine_crashed", "The engine stopped.");
    },
    begin() {
      throw new GatewayError("server_is_overloaded", "The queue is full.", { retryAfter: 7 });
    },
  });
  const early = await post(CHAT, chatBody({ stream: true }));
  expect(early.status).toBe(503);
  expect(early.headers.get("content-type")).toBe("application/json");
  expect(early.headers.get("retry-after")).toBe("7");
  expect(early.headers.get("retry-after-ms")).toBe("7000");
  delete services.script.begin;
  const answer = await post(CHAT, chatBody({ stream: true }));
  expect(answer.status).toBe(200);
  const text = await answer.text();
  const frames = text.split("\n\n").filter((frame) => frame !== "");
  expect(JSON.parse(frames.at(-1)?.trim().slice(6) ?? "")).toEqual({
    error: { message: "The engine stopped.", type: "server_error", param: null, code: "engine_crashed" },
  });
  expect(text).toMatch(/\n\n\n\ndata: \{"error"/);
  expect(text).not.toContain("[DONE]");
  expect(text).toContain('"content":"b"');
});

test.each([true, false])(
  "an engine that dies before the first token (stream: %s) is a reason to try again",
  async (stream) => {
    const { post } = await runningServer({
      begin() {
        throw new GatewayError("engine_unavailable", "The engine stopped.", { retryAfter: 1 });
      },
    });
    const answer = await post(CHAT, chatBody({ stream }));
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(answer.headers.get("x-should-retry")).toBeNull();
    expect(await answer.json()).toMatchObject({
      error: { code: "engine_unavailable", type: "server_error" },
    });
  },
);

test("an engine that dies in the middle of an answer that is not streamed is no reason to try again", async () => {
  const { post } = await runningServer({
    answer: () => "abc",
    before(place) {
      if (place === 2) throw new GatewayError("engine_crashed", "The engine stopped.");
    },
  });
  const answer = await post(CHAT, chatBody());
  expect(answer.status).toBe(500);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  expect(await answer.json()).toMatchObject({ error: { code: "engine_crashed", type: "server_error" } });
});

test("what a model writes cannot end its stream or break a line of it", async () => {
  const written = 'a\n\ndata: [DONE]\n\n"\u2028b\u2029c\u0085d';
  const { client, post } = await runningServer({ answer: () => written });
  const text = await (await post(CHAT, chatBody({ stream: true }))).text();
  expect(text).not.toMatch(/[\u0085\u2028\u2029]/);
  expect(text.match(/^data: \[DONE\]$/gm)).toHaveLength(1);
  const stream = await client.chat.completions.create({
    model: "dolly-v2-3b",
    messages: [{ role: "user", content: "x" }],
    stream: true,
  });
  let content = "";
  for await (const chunk of stream) content += chunk.choices[0]?.delta.content ?? "";
  expect(content).toBe(written);
});

test.each([true, false])("a client that goes away (stream: %s) stops its generation", async (stream) => {
  const reached = gate();
  const { services, port, nextLine } = await runningServer({
    answer: () => "x".repeat(200),
    async before(place, signal) {
      if (place !== 3) return;
      reached.open();
      await once(signal, "abort");
    },
  });
  const line = nextLine();
  const socket = connect(port, "127.0.0.1");
  socket.write(chatRequest({ stream, max_tokens: 200 }));
  await reached.passed;
  socket.destroy();
  const { fields } = await line;
  expect(fields).toMatchObject({ path: CHAT, status: 499, completion_tokens: 3 });
  expect(services.running).toBe(0);
  expect(services.generated).toBe(3);
});

test("a reader that stops is cut off, and its generation with it, before memory grows", async () => {
  const { services, port, nextLine } = await runningServer(
    { answer: () => "x".repeat(400) },
    { settings: { stallMs: 50 } },
  );
  const line = nextLine();
  const socket = connect({ port, host: "127.0.0.1" }).pause();
  // Many alternatives make frames that soon fill what the kernel buffers.
  socket.write(chatRequest({ stream: true, n: 8, max_tokens: 400, logprobs: true, top_logprobs: 20 }));
  const { fields } = await line;
  expect(fields).toMatchObject({ status: 499, error: "client_closed_request" });
  expect(services.running).toBe(0);
  expect(services.generated).toBeLessThan(8 * 400);
  socket.destroy();
});

test("a quiet stream gets comments, which clients skip", async () => {
  const hold = gate();
  const { post, client } = await runningServer(
    { answer: () => "ab", before: (place) => (place === 1 ? hold.passed : undefined) },
    { settings: { keepAliveMs: 5 } },
  );
  const answer = await post(CHAT, chatBody({ stream: true }));
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes(": keep-alive\n\n")) hold.open();
  }
  expect(text).toMatch(/: keep-alive\n\n[\s\S]*"content":"b"[\s\S]*\[DONE\]/);
  const whole = await client.chat.completions.create({
    model: "dolly-v2-3b",
    messages: [{ role: "user", content: "x" }],
  });
  expect(whole.choices[0]?.message.content).toBe("ab");
});

test("a stopping server finishes what runs, refuses what comes, and closes", async () => {
  const hold = gate();
  const { post, http, address } = await runningServer({
    answer: () => "ab",
    before: (place) => (place === 1 ? hold.passed : undefined),
  });
  const running = await post(CHAT, chatBody({ stream: true }));
  const closing = http.close({ graceMs: 60_000 });
  const refused = await fetch(`${address}/ready`);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("connection")).toBe("close");
  expect(await refused.json()).toMatchObject({ error: { code: "shutting_down" } });
  hold.open();
  expect(await running.text()).toMatch(/"content":"b"[\s\S]*\[DONE\]/);
  await closing;
  await expect(fetch(`${address}/health`)).rejects.toThrow();
});

test("what does not finish within the grace period ends with an error frame", async () => {
  const { post, http, services } = await runningServer({
    answer: () => "x".repeat(400),
    before: (place, signal) => (place === 2 ? once(signal, "abort") : undefined),
  });
  const running = await post(CHAT, chatBody({ stream: true, max_tokens: 400 }));
  await http.close({ graceMs: 1 });
  expect(await running.text()).toMatch(/"code":"shutting_down"\}\}\n\n$/);
  expect(services.running).toBe(0);
});

test("each request leaves one line in the log, with times and counts and without prompt, answer or key", async () => {
  const { client, nextLine, log } = await runningServer({ answer: () => "the answer" });
  const line = nextLine();
  await client.chat.completions.create({
    model: "gpt-4o",
    messages: [{ role: "user", content: "a canary question" }],
  });
  expect((await line).fields).toMatchObject({
    method: "POST",
    path: CHAT,
    status: 200,
    model: "dolly-v2-3b",
    queue_ms: 3,
    ttft_ms: expect.any(Number),
    tokens_per_second: expect.any(Number),
    completion_tokens: 11,
    finish_reason: "stop",
  });
  expect(log.lines.filter(({ message }) => message === "request")).toHaveLength(1);
  expect(JSON.stringify(log.lines)).not.toMatch(/canary|the answer/);
});
