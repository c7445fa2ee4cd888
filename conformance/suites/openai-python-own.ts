import { existsSync } from "node:fs";
import { join } from "node:path";
import { succeed } from "../processes.ts";
import { pytest, pythonWith } from "../python.ts";
import type { Suite } from "../suite.ts";

const RELEASE = "3.57.0";
const FILES = ["test_completions.py", "test_models.py", "chat/test_completions.py", "test_responses.py"];

/** The tests that the SDK's authors run against a mock of OpenAI's server: each method with every parameter at once. */
export const openaiPythonOwn: Suite = {
  name: "openai-python's own tests",
  about: `openai ${RELEASE} for Python: its own tests of completions, chat, models and responses, each call plain and strict`,
  needs: ["python3", "tar"],
  excuses: [
    {
      detail: /There is no stored response/,
      reason: "The suite asks for a response that its mock of OpenAI's server makes up; here nobody made it:",
    },
    {
      cases: /test_(?:method|raw_response|streaming_response)_(?:cancel|compact)/,
      reason: "Responses in the background, which alone can be cancelled, and compaction are not served:",
    },
    {
      detail: /Missing required parameter: 'input'/,
      reason: "`responses.create()` without any parameter, which OpenAI's server refuses as well:",
    },
    {
      detail: /The parameter '[^']+' is not supported/,
      reason:
        "Each of these sends every parameter at once, among them what the family has not: audio, `prediction`, `suffix`, web search. The gateway refuses the first such parameter by name, as it should:",
    },
    {
      cases: /test_(?:method|raw_response|streaming_response)_(?:retrieve|update|list|delete)/,
      detail: /Unknown URL|405/,
      reason:
        "OpenAI's own storage of chat completions and its deletion of fine-tuned models, which a gateway has not:",
    },
  ],
  async run(surroundings) {
    const { base, work, note } = surroundings;
    const python = await pythonWith(
      [
        `openai[aiohttp]==${RELEASE}`,
        "pytest",
        "pytest-asyncio",
        "pytest-xdist",
        "respx",
        "dirty-equals",
        "time-machine",
        "nest-asyncio",
        "inline-snapshot",
        "rich",
        "griffe",
      ],
      surroundings,
    );
    const source = join(work, `openai-${RELEASE}`);
    if (!existsSync(source)) {
      await succeed(
        python,
        [
          "-m",
          "pip",
          "download",
          "-q",
          "--no-deps",
          "--no-binary",
          ":all:",
          "-d",
          work,
          `openai==${RELEASE}`,
        ],
        { note },
      );
      await succeed("tar", ["xzf", join(work, `openai-${RELEASE}.tar.gz`), "-C", work], { note });
    }
    const files = FILES.map((file) => join("tests", "api_resources", file));
    return pytest(python, ["-p", "no:cacheprovider", "-o", "addopts=", ...files], surroundings, {
      cwd: source,
      env: { TEST_API_BASE_URL: `${base}/v1` },
    });
  },
};
