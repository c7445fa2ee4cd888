import { GatewayClient } from "../client/gateway-client.ts";
import type { Driver } from "../core/driver.ts";
import { OperatorError } from "../errors.ts";
import { ChatSession, readDocuments } from "./chat-session.ts";
import { serveConfig } from "./config-source.ts";
import { withGateway } from "./eval-gateway.ts";
import { addressOf, type RemoteFlags } from "./remote.ts";
import type { Terminal } from "./terminal.ts";
import { onlyVisible } from "./visible.ts";

export interface ChatFlags extends RemoteFlags {
  readonly model?: string;
  readonly config?: string;
  readonly system?: string;
  readonly temperature?: string;
  readonly maxTokens?: string;
}

interface Parts {
  readonly terminal: Terminal;
  readonly drivers: readonly Driver[];
  readonly templates: readonly string[];
}

/**
 * A conversation in the terminal; one answer where a question is given or comes by a pipe. Where no gateway runs at the usual
 * address, one of its own serves it. Throws OperatorError.
 */
export async function chatCommand(words: readonly string[], flags: ChatFlags, parts: Parts): Promise<void> {
  const { terminal, drivers, templates } = parts;
  const address = addressOf(flags, terminal.env);
  const client = new GatewayClient(address);
  const own = flags.config !== undefined || (!address.named && !(await client.answers()));
  if (!own) {
    await converse(client, words, flags, onlyVisible(terminal));
    return;
  }
  const { env, cwd } = terminal;
  const loaded = serveConfig(undefined, flags.config === undefined ? {} : { config: flags.config }, {
    env,
    cwd,
    drivers,
    templates,
  });
  const { api_keys: _, ...config } = loaded.config;
  await withGateway({ ...loaded, config }, { terminal, drivers }, (url) =>
    converse(new GatewayClient({ url, key: undefined }), words, flags, onlyVisible(terminal)),
  );
}

async function converse(
  client: GatewayClient,
  words: readonly string[],
  flags: ChatFlags,
  terminal: Terminal,
): Promise<void> {
  const models = await client.models();
  const [first] = models;
  if (first === undefined) throw new OperatorError("the gateway serves no model");
  const session = new ChatSession(flags.model ?? first.id, flags.system ?? "", settingsOf(flags));
  const question = words.join(" ");
  if (question !== "" || !terminal.interactive) {
    const asked = question === "" ? (await terminal.input()).trim() : question;
    if (asked === "")
      throw new OperatorError("ask something: dolly chat QUESTION, or by a pipe", { exitStatus: 2 });
    const signal = await answer(client, session, asked, terminal);
    if (signal !== undefined) throw new OperatorError(`${signal}: stopped`);
    return;
  }
  await conversation(client, session, terminal);
}

/** Until it is left: by a command, the end of what is typed, two interrupts with nothing asked between, or a SIGTERM. */
async function conversation(client: GatewayClient, session: ChatSession, terminal: Terminal): Promise<void> {
  terminal.print(
    `${session.model}. /help lists what else there is; Ctrl-C stops an answer, Ctrl-D leaves.\n`,
  );
  for (let interrupts = 0; ; ) {
    const line = await terminal.ask("> ");
    if (line === "end" || (line === "interrupt" && interrupts > 0)) break;
    if (line === "interrupt") {
      interrupts += 1;
      terminal.print("(Ctrl-C again, or Ctrl-D, leaves)\n");
      continue;
    }
    interrupts = 0;
    const text = line.text.trim();
    if (text === "/exit" || text === "/quit") break;
    try {
      if (text.startsWith("/")) await command(text, client, session, terminal);
      else if (text !== "") {
        const signal = await answer(client, session, text, terminal);
        if (signal === "SIGTERM") break;
        if (signal === "SIGINT") {
          interrupts = 1;
          terminal.note("(stopped; Ctrl-C again leaves)\n");
        }
      }
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      terminal.note(`${error.message}\n`);
    }
  }
}

function settingsOf({ temperature, maxTokens }: ChatFlags): Record<string, number> {
  const numbers = { temperature, max_tokens: maxTokens };
  return Object.fromEntries(
    Object.entries(numbers).flatMap(([name, text]) => {
      if (text === undefined) return [];
      const value = Number(text);
      if (text.trim() !== "" && Number.isFinite(value)) return [[name, value]];
      throw new OperatorError(`--${name.replace("_", "-")}: expected a number, found "${text}"`, {
        exitStatus: 2,
      });
    }),
  );
}

/** Writes an answer as it comes; a signal ends it, and is returned. What was said until then stays. */
async function answer(
  client: GatewayClient,
  session: ChatSession,
  question: string,
  terminal: Terminal,
): Promise<"SIGINT" | "SIGTERM" | undefined> {
  const stop = new AbortController();
  let stoppedBy: "SIGINT" | "SIGTERM" | undefined;
  const forget = terminal.onSignal((signal) => {
    stoppedBy ??= signal;
    stop.abort();
  });
  let text = "";
  let reason: string | null = null;
  try {
    const pieces = client.chat(session.request(question), stop.signal);
    for (let next = await pieces.next(); ; next = await pieces.next()) {
      if (next.done) {
        reason = next.value;
        break;
      }
      text += next.value;
      terminal.print(next.value);
    }
  } catch (error) {
    if (stoppedBy === undefined) throw error;
  } finally {
    forget();
    if (text !== "") terminal.print("\n");
  }
  if (reason === "length") terminal.note("(cut at the limit of tokens)\n");
  if (text !== "") session.answered(question, text);
  else if (stoppedBy === undefined) terminal.note("(an empty answer)\n");
  return stoppedBy;
}

const HELP = `/new                begin anew
/system TEXT        text at the head of the instruction; alone: none
/documents FILE …   texts that the answer is to be taken from (they become the trained Input:); alone: none
/prompt [QUESTION]  the prompt as the model gets it
/model NAME         another model; alone: which there are
/exit               leave
`;

async function command(
  line: string,
  client: GatewayClient,
  session: ChatSession,
  terminal: Terminal,
): Promise<void> {
  const [name = "", ...words] = line.split(/\s+/);
  const rest = line.slice(name.length).trim();
  switch (name) {
    case "/help":
      terminal.print(HELP);
      return;
    case "/new":
      session.beginAnew();
      return;
    case "/system":
      session.system = rest;
      return;
    case "/documents":
      session.documents = readDocuments(words, terminal.cwd);
      return;
    case "/prompt": {
      const { prompt, prompt_token_ids: tokens } = await client.render(
        session.request(rest === "" ? undefined : rest),
      );
      terminal.print(`${prompt}\n(${tokens.length} tokens)\n`);
      return;
    }
    case "/model": {
      const models = await client.models();
      if (rest === "") terminal.print(`${models.map(({ id }) => id).join("\n")}\n`);
      else if (models.some(({ id }) => id === rest)) session.model = rest;
      else throw new OperatorError(`there is no model "${rest}"; /model lists them`);
      return;
    }
    default:
      throw new OperatorError(`${name} is not known; /help lists what is`);
  }
}
