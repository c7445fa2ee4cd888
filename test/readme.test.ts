import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { drivers } from "../drivers/index.ts";
import { configSchema } from "../src/config/schema.ts";
import { endpoints } from "../src/endpoints/index.ts";
import { templates } from "../src/templates/index.ts";
import { golden } from "./golden-data.ts";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const readme = readFileSync(join(checkout, "README.md"), "utf8");
const scripts: Record<string, string> = JSON.parse(
  readFileSync(join(checkout, "package.json"), "utf8"),
).scripts;
const blocks = (language: string) =>
  [...readme.matchAll(/```(\w*)\n([\s\S]*?)```/g)].flatMap(([, tag, text]) =>
    tag === language ? [text ?? ""] : [],
  );

test("its commands exist", () => {
  for (const [, name = ""] of readme.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty(name);
  expect(scripts).toHaveProperty("start");
  expect(scripts).toHaveProperty("test");
});

test("its links lead somewhere", () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = ""]) => link);
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) expect(existsSync(join(checkout, link)), link).toBe(true);
});

test("its config is valid", () => {
  const [example] = blocks("yaml");
  const schema = configSchema(
    drivers,
    templates.map(({ name }) => name),
  );
  expect(schema.safeParse(parse(example ?? "")).error).toBeUndefined();
});

test("its request is one that the chat endpoint takes", () => {
  const body = /-d '(\{[\s\S]*?\})'/.exec(readme)?.[1] ?? "";
  const chat = endpoints.find(({ path }) => path === "/v1/chat/completions");
  expect(chat?.body?.safeParse(JSON.parse(body)).success).toBe(true);
});

test("it lists every endpoint and every driver", () => {
  for (const { method, path } of endpoints) expect(readme).toContain(`${method.toUpperCase()} ${path}`);
  for (const { name } of drivers) expect(readme).toContain(`| \`${name}\` |`);
});

test("the embedded model knows the questions that it suggests", () => {
  const { cases } = golden<{ cases: { instruction: string }[] }>("dolly-v2-tiny.json");
  const known = new Set(cases.map(({ instruction }) => instruction));
  for (const question of [
    "How many NBA basketball teams are in California?",
    "Who wrote the novel Tom Jones in 1749",
    "What was the first credit card",
    "What is a good dad joke?",
  ]) {
    expect(readme.replaceAll("\n", " ")).toContain(question);
    expect(known).toContain(question);
  }
});
