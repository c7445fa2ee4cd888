import { useEffect, useState } from "preact/hooks";
import { type AdminModel, adminModels, Refused } from "./api.ts";

const COLUMNS = ["Model", "Driver", "State", "Slots", "Waiting", "KV cache", "Memory", "Restarts"];

const EVERY_MS = 2000;

const megabytes = (bytes: number | null): string => (bytes === null ? "–" : `${Math.round(bytes / 1e6)} MB`);

/** What the gateway does at the moment. */
export function Status({ onKeyWanted }: { onKeyWanted: () => void }) {
  const [models, setModels] = useState<readonly AdminModel[]>([]);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let gone = false;
    const look = async (): Promise<void> => {
      try {
        const found = await adminModels();
        if (gone) return;
        setModels(found);
        setProblem("");
      } catch (error) {
        if (gone) return;
        setProblem(error instanceof Error ? error.message : String(error));
        if (error instanceof Refused && (error.status === 401 || error.status === 403)) onKeyWanted();
      }
      timer = setTimeout(look, EVERY_MS);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);

  return (
    <section class="status" aria-label="Status">
      {problem !== "" && <p role="alert">{problem}</p>}
      <table>
        <thead>
          <tr>
            {COLUMNS.map((name) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {models.flatMap(({ id, placements }) =>
            placements.map((one) => (
              <tr key={one.id}>
                <th scope="row">{id}</th>
                <td data-label="Driver">
                  {one.driver}
                  {one.precision === null ? "" : `, ${one.precision}`}
                </td>
                <td data-label="State">
                  <span class={`state state-${one.state}`}>{one.state}</span>
                </td>
                <td data-label="Slots">
                  {one.slots === null ? "–" : `${one.slots.busy} of ${one.slots.total}`}
                </td>
                <td data-label="Waiting">{one.queued_requests}</td>
                <td data-label="KV cache">
                  {typeof one.kv_usage === "number" ? `${Math.round(one.kv_usage * 100)} %` : "–"}
                </td>
                <td data-label="Memory">{megabytes(one.memory_bytes)}</td>
                <td data-label="Restarts">{one.restarts}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </section>
  );
}
