import { useState } from "preact/hooks";
import type { TokenScore } from "./api.ts";

/** Of five shades, that of a probability: the surest has none. */
const shade = (logprob: number): number => Math.min(4, Math.floor((1 - Math.exp(logprob)) * 5));

const percent = (logprob: number): string => `${(Math.exp(logprob) * 100).toFixed(1)} %`;

/** A token as it can be seen: white space by its signs. */
const visible = (text: string): string =>
  text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥");

/** An answer's tokens, shaded by how unsure the model was of them; the one that is pointed at, with what else it might have said. */
export function ScoredText({ scores }: { scores: readonly TokenScore[] }) {
  const [chosen, choose] = useState<number | undefined>();
  const one = chosen === undefined ? undefined : scores[chosen];
  return (
    <div class="scored">
      <p class="answer-text">
        {scores.map((score, index) => (
          <button
            type="button"
            key={index}
            class={`token shade-${shade(score.logprob)}`}
            aria-pressed={chosen === index}
            aria-label={`${visible(score.token)}, ${percent(score.logprob)}`}
            onClick={() => choose(index)}
            onFocus={() => choose(index)}
            onMouseEnter={() => choose(index)}
          >
            {score.token}
          </button>
        ))}
      </p>
      <div class="alternatives" aria-live="polite">
        {one === undefined ? (
          <p class="quiet">Point at a token to see what else the model might have said.</p>
        ) : (
          <table>
            <caption>
              <code>{visible(one.token)}</code> {percent(one.logprob)}
            </caption>
            <tbody>
              {one.top_logprobs.map(({ token, logprob }) => (
                <tr key={token}>
                  <th scope="row">
                    <code>{visible(token)}</code>
                  </th>
                  <td>{percent(logprob)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </div>
  );
}

/** A prompt's tokens, each with its id. */
export function TokenList({ tokens, texts }: { tokens: readonly number[]; texts: readonly string[] }) {
  return (
    <ol class="token-list">
      {tokens.map((id, index) => (
        <li key={index}>
          <code>{visible(texts[index] ?? "")}</code>
          <span class="quiet">{id}</span>
        </li>
      ))}
    </ol>
  );
}
