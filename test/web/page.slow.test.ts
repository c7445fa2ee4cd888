import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../gateway-fixture.ts";
import { PAYLOADS } from "./payloads.ts";

/** A Chromium of this machine; `DOLLY_TEST_CHROMIUM` names another one. */
const executablePath = [
  process.env["DOLLY_TEST_CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== "" && existsSync(path));
/** Where pictures for the documentation go; none are taken without it. */
const pictures = process.env["DOLLY_PICTURES"];

const QUESTION = "Who wrote the novel Tom Jones in 1749";

const CONFIG = `
models:
  dolly-v2-tiny:
    preload: true
    template: dolly-v2
    placements: [{ driver: llama-cpp, model: ${join(import.meta.dirname, "..", "..", "models", "dolly-v2-tiny")} }]
  hostile:
    template: dolly-v2
    placements:
      - driver: fake
        answers: ${JSON.stringify(PAYLOADS.map((text, index) => ({ match: `payload ${index}.`, texts: [text] })))}
  slow:
    template: dolly-v2
    placements:
      - driver: fake
        tokens_per_second: 20
        answers: [{ texts: ["${"word ".repeat(200)}"] }]
`;

describe.runIf(executablePath !== undefined)("the page", () => {
  let gateway: RunningGateway;
  let browser: Browser;
  const pages: Page[] = [];

  beforeAll(async () => {
    gateway = await startGateway({ config: CONFIG });
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
  }, 60_000);
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
  });
  afterAll(async () => {
    await browser.close();
    await gateway.stop();
  });

  async function open(options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> {
    const page = await browser.newPage(options);
    pages.push(page);
    const broken: string[] = [];
    page.on("pageerror", (error) => broken.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") broken.push(message.text());
    });
    await page.goto(gateway.address);
    await page.getByLabel("Your question").waitFor();
    expect(broken).toEqual([]);
    return page;
  }

  async function ask(page: Page, question: string): Promise<void> {
    await page.getByLabel("Your question").fill(question);
    await page.getByRole("button", { name: "Send" }).click();
  }

  const choose = (page: Page, model: string) => page.getByLabel("Model").selectOption(model);
  /** The last answer, once its note says how it went. */
  const answered = async (page: Page): Promise<string> => {
    const last = page.locator(".message.assistant").last();
    await last.locator(".note").waitFor();
    return last.locator(".answer-text").innerText();
  };

  async function picture(page: Page, name: string): Promise<void> {
    if (pictures === undefined) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name}.png`) });
  }

  test("a question is answered, with how long it took", async () => {
    const page = await open();
    await ask(page, QUESTION);
    expect(await answered(page)).toMatch(/Henry Fielding/);
    expect(await page.locator(".note").innerText()).toMatch(/\d+ tokens · first after \d+ ms/);
    await picture(page, "chat");
  });

  test("the enter key sends, and what was said before goes along", async () => {
    const page = await open();
    const asked = page.waitForRequest((request) => {
      const body: { messages?: unknown[] } | null = request.postDataJSON();
      return body?.messages?.length === 3;
    });
    await page.getByLabel("Your question").fill(QUESTION);
    await page.keyboard.press("Enter");
    await answered(page);
    await page.getByLabel("Your question").fill("And when?");
    await page.keyboard.press("Enter");
    const { messages } = (await asked).postDataJSON();
    expect(messages).toMatchObject([{ content: QUESTION }, { role: "assistant" }, { content: "And when?" }]);
  });

  test("stop ends an answer, here and in the engine", async () => {
    const page = await open();
    await choose(page, "slow");
    await ask(page, "Go on and on.");
    await page.locator(".message.assistant .answer-text", { hasText: "word word" }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator(".note", { hasText: "stopped" }).waitFor();
    await expect
      .poll(async () => {
        const response = await fetch(`${gateway.address}/admin/models/slow`);
        const { placements }: { placements: { slots: { busy: number } | null }[] } = JSON.parse(
          await response.text(),
        );
        return placements[0]?.slots?.busy;
      })
      .toBe(0);
    expect((await page.locator(".message.assistant .answer-text").innerText()).length).toBeLessThan(900);
  });

  test("settings, system text and documents are what is asked with", async () => {
    const page = await open();
    await page.getByLabel("System text").fill("Be brief.");
    await page.getByRole("button", { name: "Add a document" }).click();
    await page.getByLabel("Document 1").fill("Tom Jones was written by Henry Fielding.");
    await page.getByLabel("Temperature").fill("0");
    await page.getByLabel("Most tokens").fill("7");
    const asked = page.waitForRequest(/chat\/completions/);
    await ask(page, QUESTION);
    expect((await asked).postDataJSON()).toMatchObject({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: QUESTION },
      ],
      documents: ["Tom Jones was written by Henry Fielding."],
      temperature: 0,
      max_tokens: 7,
    });
    await answered(page);
    await page.getByText("The prompt and its tokens").click();
    await page.getByRole("button", { name: "Show what the model gets" }).click();
    const prompt = await page.locator("pre.prompt").innerText();
    expect(prompt).toContain("### Instruction:\nBe brief.\n\nWho wrote");
    expect(prompt).toContain("Input:\nTom Jones was written by Henry Fielding.");
    expect(await page.locator(".token-list li").count()).toBeGreaterThan(30);
    await page.getByText("The same for a program").click();
    for (const language of ["curl", "Python", "TypeScript"]) {
      await page.getByRole("button", { name: language }).click();
      expect(await page.locator("pre.code").innerText()).toContain(
        "Tom Jones was written by Henry Fielding.",
      );
    }
    await picture(page, "prompt");
  });

  test("tokens are shaded by their probability, with what else might have been said", async () => {
    const page = await open();
    await page.getByLabel("Shade tokens by probability").check();
    await ask(page, QUESTION);
    await answered(page);
    const tokens = page.locator(".token");
    expect(await tokens.count()).toBeGreaterThan(2);
    await tokens.first().click();
    expect(await page.locator(".alternatives tbody tr").count()).toBe(5);
    await picture(page, "probabilities");
  });

  test("what a model says runs nothing", async () => {
    const page = await open();
    expect(PAYLOADS.length).toBe(60);
    await choose(page, "hostile");
    for (const [index, payload] of PAYLOADS.entries()) {
      await ask(page, `payload ${index}.`);
      await answered(page);
      expect(await page.locator(".message.assistant .answer-text").textContent()).toBe(payload);
      const made = page.locator(".messages :is(script, img, svg, iframe, a, object, embed, form, style)");
      expect(await made.count()).toBe(0);
      await page.getByRole("button", { name: "Begin anew" }).click();
    }
    expect(await page.evaluate("window.hacked")).toBeUndefined();
  }, 120_000);

  test("it may load and run its own files only, and be framed by nobody", async () => {
    const response = await fetch(gateway.address);
    const policy = response.headers.get("content-security-policy") ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
      expect(policy).toContain(part);
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test.each(["light", "dark"] as const)(
    "in %s nothing bars those who hear it or cannot point",
    async (colorScheme) => {
      const page = await open({ colorScheme });
      await ask(page, QUESTION);
      await answered(page);
      await page.evaluate(axe.source);
      const problems = async (): Promise<string[]> => {
        const { violations }: axe.AxeResults = await page.evaluate("axe.run()");
        return violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
      };
      expect(await problems()).toEqual([]);
      await page.getByRole("button", { name: "Status" }).click();
      await page.locator("tbody tr").first().waitFor();
      expect(await problems()).toEqual([]);
      await picture(page, `status-${colorScheme}`);
    },
  );

  test("on a phone nothing is wider than the screen", async () => {
    const page = await open({ viewport: { width: 375, height: 720 } });
    await ask(page, QUESTION);
    await answered(page);
    const wide = () =>
      page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(await wide()).toBe(0);
    await picture(page, "phone");
    await page.getByRole("button", { name: "Status" }).click();
    await page.locator("tbody tr").first().waitFor();
    expect(await wide()).toBe(0);
  });

  test("a key goes with each request, and with the tab", async () => {
    const page = await open();
    await page.getByRole("button", { name: "API key" }).click();
    await page.locator("input[type=password]").fill("sk-tab");
    const asked = page.waitForRequest(/v1\/models/);
    await page.getByRole("button", { name: "Use it in this tab" }).click();
    expect((await asked).headers()["authorization"]).toBe("Bearer sk-tab");
    expect(await page.evaluate("localStorage.length")).toBe(0);
    expect(await page.evaluate("sessionStorage.length")).toBe(1);
  });
});
