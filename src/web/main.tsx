import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { listModels, type ModelFacts, Refused, storedKey, storeKey } from "./api.ts";
import { Chat } from "./chat.tsx";
import { NO_SETTINGS } from "./request.ts";
import { type PanelState, SettingsPanel } from "./settings-panel.tsx";
import { Status } from "./status.tsx";

const START: PanelState = { system: "", documents: [], settings: NO_SETTINGS, scored: false };

type View = "chat" | "status";

function App() {
  const [models, setModels] = useState<readonly ModelFacts[] | undefined>();
  const [chosen, choose] = useState("");
  const [state, setState] = useState<PanelState>(START);
  const [view, setView] = useState<View>("chat");
  const [problem, setProblem] = useState("");
  const [keyWanted, setKeyWanted] = useState(false);

  const look = async (): Promise<void> => {
    try {
      setModels(await listModels());
      setProblem("");
      setKeyWanted(false);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      if (error instanceof Refused && error.status === 401) setKeyWanted(true);
    }
  };
  useEffect(() => void look(), []);

  const model = models?.find(({ id }) => id === chosen) ?? models?.[0];
  const views: readonly View[] = ["chat", "status"];
  return (
    <>
      <header>
        <h1>Dolly</h1>
        <nav aria-label="Views">
          {views.map((one) => (
            <button type="button" key={one} aria-pressed={view === one} onClick={() => setView(one)}>
              {one === "chat" ? "Chat" : "Status"}
            </button>
          ))}
        </nav>
        <button
          type="button"
          class="plain"
          onClick={() => setKeyWanted(!keyWanted)}
          aria-expanded={keyWanted}
        >
          {storedKey() === "" ? "API key" : "API key set"}
        </button>
      </header>
      {keyWanted && <KeyForm onDone={() => void look()} />}
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <main class={view}>
        {view === "status" && <Status onKeyWanted={() => setKeyWanted(true)} />}
        {view === "chat" && model !== undefined && models !== undefined && (
          <>
            <Chat key={model.id} model={model} {...state} onKeyWanted={() => setKeyWanted(true)} />
            <SettingsPanel
              models={models}
              model={model}
              state={state}
              choose={choose}
              change={(changed) => setState({ ...state, ...changed })}
            />
          </>
        )}
      </main>
    </>
  );
}

/** The key lives as long as the tab. */
function KeyForm({ onDone }: { onDone: () => void }) {
  const [key, setKey] = useState(storedKey());
  return (
    <form
      class="key"
      onSubmit={(event) => {
        event.preventDefault();
        storeKey(key.trim());
        onDone();
      }}
    >
      <label>
        API key
        <input
          type="password"
          autocomplete="off"
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Use it in this tab</button>
      <p class="quiet">
        It is forgotten with the tab. Status needs the operator's key, away from the gateway's own machine.
      </p>
    </form>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
