/** What no package registry offers and was run by hand, with what came of it: the last section of the report. */
export const byHand: readonly string[] = [
  "## Run by hand",
  "",
  "These suites are in repositories only, not in a package registry, so that `npm run conformance` does not have them. Each was run as it is",
  "there, on the embedded model, with either driver and the same outcome:",
  "",
  "- **The compliance suite of Open Responses** (`openresponses/openresponses`, of July 2026): 5 of 17 cases pass: the text response, streamed",
  "  too, the system prompt, several turns, and its check of its own schemas. Six want a WebSocket at `/responses`, and three more `/responses/compact`, which are not",
  "  served; one sends an image; one begins a conversation with answers to nothing, which Dolly's prompt has no place for; and one",
  "  leaves it to the model whether it calls a function, which Dolly was not trained to do.",
  "- **openai-node's own tests** (`openai/openai-node` 7.5.0) of completions, chat, models and responses, with the package of that release:",
  "  9 of 26 pass. What the others ask for is the same as in openai-python's above: endpoints of stored chats, of the deletion of models, of",
  "  compaction, cancellation and token counts, which are not served (11); a response that nobody made (3); all parameters at once, of which",
  "  `suffix` or `audio` is refused by name (2); and a response without an input (1).",
  "",
  "LangChain's standard tests for JavaScript (`@langchain/standard-tests`) are in no registry that was at hand, and were not run.",
  "",
];
