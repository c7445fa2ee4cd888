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
  atLeast: 365,
  excuses: [
    {
      cases: /test_responses\.py::.*_(?:retrieve|delete)/,
      detail: /Error code: 404 - There is no stored response/,
      reason: "The suite asks for a response that its mock of OpenAI's server makes up; here nobody made it:",
    },
    {
      cases: /test_(?:method|raw_response|streaming_response)_(?:cancel|compact)/,
      detail: /Error code: 405/,
      reason: "Responses in the background, which alone can be cancelled, and compaction are not served:",
    },
    {
      cases: /test_responses\.py::.*_create_overload/,
      detail: /Error code: 400 - Missing required parameter: 'input'/,
      reason: "`responses.create()` without any parameter, which OpenAI's server refuses as well:",
    },
    {
      cases: /_create_with_all_params/,
      detail: /Error code: 400 - The parameter '(?:audio|background|suffix)' is not supported/,
      reason:
        "Each of these sends every parameter at once, and so ends at the first that is refused by name: `audio` in a chat, `suffix` in a completion, `background` in a response. What becomes of each parameter by itself is in docs/fields.md:",
    },
    {
      cases: /test_(?:method|raw_response|streaming_response)_(?:retrieve|update|list|delete)/,
      detail: /Error code: 404 - Unknown URL|Error code: 405/,
      reason:
        "Stored chat completions and the deletion of fine-tuned models, which this gateway does not serve:",
    },
  ],
  async run(surroundings) {
    const { base, work, note } = surroundings;
    const python = await pythonWith(
      [
        `openai[aiohttp]==${RELEASE}`,
        "pytest==9.2.0",
        "pytest-asyncio==1.5.0",
        "pytest-xdist==3.8.0",
        "respx==0.23.1",
        "dirty-equals==0.11",
        "time-machine==3.6.0",
        "nest-asyncio==1.6.0",
        "inline-snapshot==0.36.1",
        "rich==15.0.0",
        "griffe==2.4.1",
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
