import { useEffect, useRef, useState } from "preact/hooks";
import { type ModelFacts, Refused, streamChat, type TokenScore } from "./api.ts";
import { chatBody, type Message, type Settings } from "./request.ts";
import { RequestView } from "./request-view.tsx";
import { ScoredText } from "./tokens.tsx";

/** A message as it is shown. */
interface Shown extends Message {
  /** Of an answer: its tokens, where they were asked for. */
  readonly scores?: readonly TokenScore[];
  /** Of an answer: how it went. */
  readonly note?: string;
}

export interface ChatProps {
  readonly model: ModelFacts;
  readonly system: string;
  readonly documents: readonly string[];
  readonly settings: Settings;
  readonly scored: boolean;
  onKeyWanted(): void;
}

const ALTERNATIVES = 5;

export function Chat({ model, system, documents, settings, scored, onKeyWanted }: ChatProps) {
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const [question, setQuestion] = useState("");
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  const running = useRef<AbortController | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const end = useRef<HTMLDivElement>(null);

  useEffect(() => end.current?.scrollIntoView({ block: "nearest" }), [shown]);
  useEffect(() => () => running.current?.abort(), []);

  const messages = (all: readonly Shown[]): Message[] => all.map(({ role, content }) => ({ role, content }));
  const asked = (all: readonly Shown[]) => ({
    model: model.id,
    system,
    documents,
    settings,
    messages: messages(all),
  });

  const ask = async (): Promise<void> => {
    const content = question.trim();
    if (content === "" || busy) return;
    const before: Shown[] = [...shown, { role: "user", content }];
    setShown([...before, { role: "assistant", content: "" }]);
    setQuestion("");
    setProblem("");
    setSaid("Answering");
    setBusy(true);
    const control = new AbortController();
    running.current = control;
    const extras = scored ? { logprobs: true, top_logprobs: ALTERNATIVES } : {};
    const body = {
      ...chatBody(asked(before)),
      ...extras,
      stream: true,
      stream_options: { include_usage: true },
    };
    const began = performance.now();
    let [first, last, tokens] = [0, 0, 0];
    let text = "";
    let reason: string | null = null;
    const scores: TokenScore[] = [];
    const show = (note?: string): void =>
      setShown([
        ...before,
        {
          role: "assistant",
          content: text,
          ...(scored ? { scores: [...scores] } : {}),
          ...(note ? { note } : {}),
        },
      ]);
    try {
      for await (const { choices, usage } of streamChat(body, control.signal)) {
        tokens = usage?.completion_tokens ?? tokens;
        const [choice] = choices;
        if (choice === undefined) continue;
        reason = choice.finish_reason ?? reason;
        scores.push(...(choice.logprobs?.content ?? []));
        if (!choice.delta.content) continue;
        last = performance.now();
        if (first === 0) first = last;
        text += choice.delta.content;
        show();
      }
      show(summary({ began, first, last, tokens, reason }));
      setSaid(`Answered: ${text}`);
    } catch (error) {
      if (control.signal.aborted) {
        show("stopped");
        setSaid("Stopped");
      } else {
        setShown(text === "" ? shown : [...before, { role: "assistant", content: text, note: "broken off" }]);
        setProblem(error instanceof Error ? error.message : String(error));
        if (text === "") setQuestion(content);
        if (error instanceof Refused && error.status === 401) onKeyWanted();
      }
    } finally {
      running.current = undefined;
      setBusy(false);
    }
  };

  const keys = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      void ask();
    }
    if (event.key === "Escape") running.current?.abort();
  };

  return (
    <section class="chat" aria-label="Conversation">
      <div class="messages">
        {shown.length === 0 && (
          <p class="welcome">
            Ask {model.id} something. It follows one instruction well and remembers little: begin anew for a
            new subject.
          </p>
        )}
        {shown.map((one, index) => (
          <article
            key={index}
            class={`message ${one.role}`}
            aria-label={one.role === "user" ? "You" : model.id}
          >
            {one.role === "assistant" && one.scores !== undefined && one.scores.length > 0 ? (
              <ScoredText scores={one.scores} />
            ) : (
              <p class="answer-text">{one.content}</p>
            )}
            {one.note !== undefined && <p class="note">{one.note}</p>}
          </article>
        ))}
        <div ref={end} />
      </div>
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <p class="unseen" aria-live="polite">
        {said}
      </p>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <label class="unseen" for="question">
          Your question
        </label>
        <textarea
          id="question"
          rows={3}
          placeholder="Ask something. Enter sends, Shift and Enter break the line."
          value={question}
          onInput={(event) => setQuestion(event.currentTarget.value)}
          onKeyDown={keys}
        />
        <div class="actions">
          <button
            type="button"
            class="plain"
            onClick={() => setShown([])}
            disabled={busy || shown.length === 0}
          >
            Begin anew
          </button>
          {busy ? (
            <button type="button" class="stop" onClick={() => running.current?.abort()}>
              Stop
            </button>
          ) : (
            <button type="submit" disabled={question.trim() === ""}>
              Send
            </button>
          )}
        </div>
      </form>
      <RequestView asked={asked([...shown, ...pending(question)].filter(unanswered))} />
    </section>
  );
}

const pending = (question: string): Shown[] =>
  question.trim() === "" ? [] : [{ role: "user", content: question.trim() }];

/** Without the answer that is last: what it was asked with. */
const unanswered = (_: Shown, index: number, all: readonly Shown[]): boolean =>
  index < all.length - 1 || all.at(-1)?.role === "user";

interface Course {
  readonly began: number;
  readonly first: number;
  readonly last: number;
  readonly tokens: number;
  readonly reason: string | null;
}

function summary({ began, first, last, tokens, reason }: Course): string {
  const parts = [`${tokens} tokens`];
  if (first > 0) parts.push(`first after ${Math.round(first - began)} ms`);
  if (tokens > 2 && last > first)
    parts.push(`${(((tokens - 1) / (last - first)) * 1000).toFixed(0)} tokens a second`);
  if (reason === "length") parts.push("cut at the limit");
  return parts.join(" · ");
}
