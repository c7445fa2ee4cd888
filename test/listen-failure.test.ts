import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { OperatorError } from "../src/errors.ts";
import { listenFailure } from "../src/listen-failure.ts";

async function failureOf(host: string, port: number): Promise<unknown> {
  const server = createServer();
  server.listen(port, host);
  const [error] = await once(server, "error");
  return listenFailure(error, host, port);
}

test("a busy port is named, with what to do", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const address = holder.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const failure = await failureOf("127.0.0.1", port);
  holder.close();
  expect(failure).toBeInstanceOf(OperatorError);
  expect(failure).toMatchObject({ exitStatus: 1 });
  expect(String(failure)).toMatch(`127.0.0.1:${port} is in use`);
  expect(String(failure)).toMatch("--port");
});

test("an address of another machine is named, with what to do", async () => {
  expect(String(await failureOf("192.0.2.1", 0))).toMatch(
    "no address 192.0.2.1; give one that it has with --host",
  );
});

test.each(["ENOTFOUND", "EAI_AGAIN"])("a host name that does not resolve (%s) is named", (code) => {
  const failure = listenFailure(Object.assign(new Error("x"), { code }), "nowhere.invalid", 80);
  expect(String(failure)).toMatch('the host name "nowhere.invalid" cannot be resolved');
});

test("anything else stays what it is", () => {
  const error = new Error("x");
  expect(listenFailure(error, "127.0.0.1", 1)).toBe(error);
});
