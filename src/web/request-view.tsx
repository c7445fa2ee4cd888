import { useState } from "preact/hooks";
import { type Rendered, renderPrompt } from "./api.ts";
import { type Asked, chatBody, conversation, LANGUAGES, type Language, snippet } from "./request.ts";
import { TokenList } from "./tokens.tsx";

/** The prompt that a conversation becomes, and the same request for other programs; both on demand. */
export function RequestView({ asked }: { asked: Asked }) {
  const [rendered, setRendered] = useState<Rendered | undefined>();
  const [problem, setProblem] = useState("");
  const [language, setLanguage] = useState<Language>("curl");
  const [copied, setCopied] = useState(false);
  const empty = asked.messages.length === 0;
  const code = snippet(language, chatBody(asked), location.origin);

  const render = async (): Promise<void> => {
    try {
      setRendered(await renderPrompt(conversation(asked)));
      setProblem("");
    } catch (error) {
      setRendered(undefined);
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <div class="request">
      <details>
        <summary>The prompt and its tokens</summary>
        <button type="button" class="plain" onClick={() => void render()} disabled={empty}>
          Show what the model gets
        </button>
        {empty && <p class="quiet">Type a question first.</p>}
        {problem !== "" && <p role="alert">{problem}</p>}
        {rendered !== undefined && (
          <>
            <p class="quiet">{rendered.count} tokens</p>
            <pre class="prompt">{rendered.token_strs.join("")}</pre>
            <TokenList tokens={rendered.tokens} texts={rendered.token_strs} />
          </>
        )}
      </details>
      <details>
        <summary>The same for a program</summary>
        <nav class="tabs" aria-label="Language">
          {LANGUAGES.map((one) => (
            <button type="button" key={one} aria-pressed={one === language} onClick={() => setLanguage(one)}>
              {one}
            </button>
          ))}
          <button
            type="button"
            class="plain"
            onClick={() => {
              void navigator.clipboard.writeText(code).then(() => setCopied(true));
            }}
          >
            {copied ? "Copied" : "Copy"}
          </button>
        </nav>
        <pre class="code">{code}</pre>
      </details>
    </div>
  );
}
