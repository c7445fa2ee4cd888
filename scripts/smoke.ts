/**
 * Packs the project as npm would publish it, starts the packed command from an empty folder and asks the embedded
 * model one question. Proves that `dist`, the default config and the model travel together.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), "dolly-smoke-"));

async function answer(address: string): Promise<string> {
  const response = await fetch(`${address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "dolly-v2-tiny",
      temperature: 0,
      messages: [{ role: "user", content: "How many NBA basketball teams are in California?" }],
    }),
  });
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  const body: { choices: { message: { content: string } }[] } = JSON.parse(await response.text());
  return body.choices[0]?.message.content ?? "";
}

try {
  const [packed]: { filename: string }[] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", scratch], {
      cwd: checkout,
      encoding: "utf8",
      maxBuffer: 1 << 24,
    }),
  );
  if (packed === undefined) throw new Error("npm pack made nothing");
  execFileSync("tar", ["xzf", join(scratch, packed.filename), "-C", scratch]);
  const installed = join(scratch, "package");
  symlinkSync(join(checkout, "node_modules"), join(installed, "node_modules"));

  const gateway = spawn(process.execPath, [join(installed, "bin", "dolly.js"), "serve", "--port", "0"], {
    cwd: scratch,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<number | null>((resolve) => gateway.once("exit", resolve));
  try {
    let address: string | undefined;
    for await (const line of createInterface({ input: gateway.stdout })) {
      address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (address !== undefined) break;
    }
    if (address === undefined)
      throw new Error(`the packed command printed no address, status ${await exited}`);
    const text = await answer(address);
    if (!text.startsWith("There are 4 NBA basketball teams in California")) {
      throw new Error(`the packed command answered ${JSON.stringify(text)}`);
    }
    console.log(`the packed command answers: ${text}`);
  } finally {
    gateway.kill("SIGTERM");
    await exited;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
