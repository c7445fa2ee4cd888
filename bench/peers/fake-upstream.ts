/**
 * An engine that costs next to nothing: it answers chats and completions with as many tokens as are asked for, in one piece or
 * as fast as its reader takes them. It looks like vLLM to the gateway. Usage: node fake-upstream.ts PORT
 */
import { createServer, type ServerResponse } from "node:http";

const port = Number(process.argv[2]);
const HEAD = { id: "x", created: 1, model: "bench" };
/** Frames of a stream that are written at once. */
const BURST = 32;
/** Two tokens of Dolly's vocabulary in turns: LiteLLM ends a stream that repeats itself. */
const TOKENS = [
  { id: 3159, text: " word" },
  { id: 285, text: " and" },
] as const;

function frame(chat: boolean, { id, text }: (typeof TOKENS)[number]): string {
  const object = chat ? "chat.completion.chunk" : "text_completion";
  const choice = chat
    ? { index: 0, delta: { content: text }, finish_reason: null }
    : { index: 0, text, token_ids: [id], finish_reason: null };
  return `data: ${JSON.stringify({ ...HEAD, object, choices: [choice] })}\n\n`;
}

function last(chat: boolean, tokens: number): string {
  const object = chat ? "chat.completion.chunk" : "text_completion";
  const choice = chat
    ? { index: 0, delta: {}, finish_reason: "length" }
    : { index: 0, text: "", token_ids: [], finish_reason: "length" };
  const usage = { prompt_tokens: 10, completion_tokens: tokens, total_tokens: tokens + 10 };
  const frames = [
    { ...HEAD, object, choices: [choice] },
    { ...HEAD, object, choices: [], usage },
  ];
  return `${frames.map((one) => `data: ${JSON.stringify(one)}\n\n`).join("")}data: [DONE]\n\n`;
}

function streamed(response: ServerResponse, chat: boolean, tokens: number): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const both = TOKENS.map((token) => frame(chat, token));
  const burst = both.join("").repeat(BURST / both.length);
  let left = tokens;
  const write = (): void => {
    while (left > 0) {
      const now = Math.min(left, BURST);
      left -= now;
      if (
        !response.write(
          now === BURST ? burst : Array.from({ length: now }, (_, at) => both[at % both.length]).join(""),
        )
      ) {
        response.once("drain", write);
        return;
      }
    }
    response.end(last(chat, tokens));
  };
  write();
}

function whole(response: ServerResponse, chat: boolean, tokens: number): void {
  const text = Array.from({ length: tokens }, (_, at) => TOKENS[at % TOKENS.length]?.text).join("");
  const choice = chat
    ? { index: 0, message: { role: "assistant", content: text }, finish_reason: "length" }
    : { index: 0, text, finish_reason: "length" };
  const usage = { prompt_tokens: 10, completion_tokens: tokens, total_tokens: tokens + 10 };
  const object = chat ? "chat.completion" : "text_completion";
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ ...HEAD, object, choices: [choice], usage }));
}

const models = {
  object: "list",
  data: [{ id: "bench", object: "model", owned_by: "vllm", created: 1, max_model_len: 65_536 }],
};

const server = createServer((request, response) => {
  if (request.method === "GET") {
    const known = request.url === "/v1/models";
    response
      .writeHead(known ? 200 : 404, { "content-type": "application/json" })
      .end(known ? JSON.stringify(models) : "{}");
    return;
  }
  let body = "";
  request.setEncoding("utf8").on("data", (text: string) => {
    body += text;
  });
  request.on("end", () => {
    const { stream, max_tokens = 16 }: { stream?: boolean; max_tokens?: number } = JSON.parse(body);
    const chat = request.url?.includes("/chat/") ?? false;
    if (stream) streamed(response, chat, max_tokens);
    else whole(response, chat, max_tokens);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(port, "127.0.0.1", () => console.log("Ready"));
