import type { ModelFacts } from "./api.ts";
import type { Settings } from "./request.ts";

export interface PanelState {
  readonly system: string;
  readonly documents: readonly string[];
  readonly settings: Settings;
  readonly scored: boolean;
}

export interface PanelProps {
  readonly models: readonly ModelFacts[];
  readonly model: ModelFacts;
  readonly state: PanelState;
  choose(model: string): void;
  change(state: Partial<PanelState>): void;
}

const FIELDS: readonly { name: keyof Settings; label: string; step: string; min: string; max?: string }[] = [
  { name: "temperature", label: "Temperature", step: "0.1", min: "0", max: "2" },
  { name: "top_p", label: "Top p", step: "0.01", min: "0.01", max: "1" },
  { name: "top_k", label: "Top k", step: "1", min: "0" },
  { name: "max_tokens", label: "Most tokens", step: "1", min: "1" },
  { name: "seed", label: "Seed", step: "1", min: "0" },
];

export function SettingsPanel({ models, model, state, choose, change }: PanelProps) {
  const { system, documents, settings, scored } = state;
  const facts = [
    ["Licence", model.license],
    ["Made from", model.base_model],
    ["Context", model.context_length === null ? null : `${model.context_length} tokens`],
    ["Runs on", [model.driver, model.precision].filter(Boolean).join(", ")],
    ["Template", model.template],
  ].filter(([, value]) => value);
  return (
    <aside class="panel" aria-label="Settings">
      <label>
        Model
        <select value={model.id} onChange={(event) => choose(event.currentTarget.value)}>
          {models.map(({ id }) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {model.limitations !== null && <p class="limits">{model.limitations}</p>}
      <label>
        System text
        <textarea
          rows={2}
          value={system}
          placeholder="Stands at the head of the instruction."
          onInput={(event) => change({ system: event.currentTarget.value })}
        />
      </label>
      <fieldset>
        <legend>Documents</legend>
        <p class="quiet">What the answer is to be taken from; it becomes the trained `Input:`.</p>
        {documents.map((text, index) => (
          <textarea
            key={index}
            rows={3}
            aria-label={`Document ${index + 1}`}
            value={text}
            onInput={(event) =>
              change({
                documents: documents.map((one, at) => (at === index ? event.currentTarget.value : one)),
              })
            }
          />
        ))}
        <div class="actions">
          <button type="button" class="plain" onClick={() => change({ documents: [...documents, ""] })}>
            Add a document
          </button>
          {documents.length > 0 && (
            <button type="button" class="plain" onClick={() => change({ documents: documents.slice(0, -1) })}>
              Remove the last
            </button>
          )}
        </div>
      </fieldset>
      <fieldset class="numbers">
        <legend>Sampling</legend>
        {FIELDS.map(({ name, label, step, min, max }) => (
          <label key={name}>
            {label}
            <input
              type="number"
              inputMode="decimal"
              step={step}
              min={min}
              max={max}
              value={settings[name]}
              placeholder={String(model.defaults[name] ?? (name === "seed" ? "any" : "all"))}
              onInput={(event) => change({ settings: { ...settings, [name]: event.currentTarget.value } })}
            />
          </label>
        ))}
      </fieldset>
      <label class="check">
        <input
          type="checkbox"
          checked={scored}
          onChange={(event) => change({ scored: event.currentTarget.checked })}
        />
        Shade tokens by probability
      </label>
    </aside>
  );
}
