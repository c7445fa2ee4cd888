import { callHead } from "../../core/generation.ts";
import type { OfferedFunction, ToolUse } from "./tool-use.ts";

/** How the functions and the form of a call are told to the model, at the head of its instruction. */
export function toolInstruction({ functions, required, only, most }: ToolUse): string {
  if (only !== undefined) {
    return `Write the arguments for this function as JSON, and nothing else.\n\n${described(only)}`;
  }
  const form = `${callHead("NAME")}{…}}`;
  const lines = most > 1 ? "one line for each call" : "one line";
  const how = required
    ? `Answer with a call of one of these functions and nothing else: ${lines} of the form ${form}`
    : `To call one of these functions, answer with nothing but ${lines} of the form ${form}. Otherwise answer in words.`;
  return `${how}\n\n${functions.map(described).join("\n\n")}`;
}

function described({ name, description, parameters }: OfferedFunction): string {
  const about = description === undefined ? name : `${name}: ${description}`;
  return parameters === undefined ? about : `${about}\nArguments: ${JSON.stringify(parameters)}`;
}
