import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/cli/program.ts";
import { terminalIn } from "./terminal-stand-in.ts";

const ESCAPES = "\u001b]0;title\u0007\u001b[2J\u009b2J";
const HALF = `data: ${JSON.stringify({ choices: [{ delta: { content: "half" } }] })}\n\n`;

const json = (response: ServerResponse, body: object, status = 200): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};

/** What a path begins with chooses what goes wrong with questions. */
const questions: Record<string, (response: ServerResponse) => void> = {
  html: (response) => response.end("data: <html>\n\n"),
  ended: (response) => response.end(HALF),
  cut: (response) => response.write(HALF, () => response.destroy()),
  refused: (response) => json(response, { error: { message: `no ${ESCAPES}` } }, 400),
  broken: (response) =>
    response.end(`data: ${JSON.stringify({ error: { message: `broke ${ESCAPES}` } })}\n\n`),
  silent: (response) => response.end("data: [DONE]\n\n"),
};

let server: Server;
let address: string;
beforeAll(async () => {
  server = createServer(({ url = "" }, response) => {
    const [, trouble = "", ...path] = url.split("/");
    const id = `m ${ESCAPES}`;
    if (path.at(-1) === "completions") questions[trouble]?.(response);
    else if (trouble === "html") response.end("<html>");
    else if (trouble === "other") json(response, { data: "other" });
    else json(response, { data: [{ id, placements: [] }] });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function dolly(command: string, trouble: string, lines?: string[]) {
  const terminal = terminalIn("/", undefined, "hello", lines);
  const status = await run([command, "--url", `${address}/${trouble}`], {
    terminal,
    drivers: [],
    templates: [],
  });
  return { status, printed: terminal.printed, noted: terminal.noted };
}

test.each(["models", "ps", "chat"])("%s says where no gateway is what answers", async (command) => {
  for (const trouble of ["html", "other"]) {
    const { status, noted } = await dolly(command, trouble);
    expect(status).toBe(1);
    expect(noted).toContain(`/${trouble}/`);
    expect(noted).toContain("no Dolly gateway; --url says where one is");
  }
});

test.each([
  ["ended", "half\n", /the connection ended before the answer did/],
  ["cut", "half\n", /the connection ended before the answer did/],
  ["refused", "", /no \]0;title\[2J2J\n/],
  ["broken", "", /broke \]0;title\[2J2J\n/],
])("an answer that is %s is no whole one, and no end of a conversation", async (trouble, printed, noted) => {
  const asked = await dolly("chat", trouble);
  expect(asked).toMatchObject({ status: 1, printed, noted: expect.stringMatching(noted) });
  const talked = await dolly("chat", trouble, ["hello", "/help", "/exit"]);
  expect(talked).toMatchObject({ status: 0, noted: expect.stringMatching(noted) });
  expect(talked.printed).toContain("/documents FILE");
});

test("an answer without a word is told", async () => {
  expect(await dolly("chat", "silent")).toMatchObject({
    status: 0,
    printed: "",
    noted: "(an empty answer)\n",
  });
});

test("names that a server gives move no cursor", async () => {
  const { printed } = await dolly("models", "hostile");
  expect(printed).toContain("m ]0;title[2J2J");
  const talked = await dolly("chat", "hostile", ["/model", "/exit"]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  expect(printed + talked.printed + talked.noted).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});
