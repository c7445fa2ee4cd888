import type { Progress } from "../core/driver.ts";
import type { LoadDisplay } from "../routing/pool.ts";

export interface ProgressParts {
  note(text: string): void;
  /** Columns of the terminal; 0 where there is none: then plain lines are written. */
  readonly columns: number;
  /** Milliseconds of a clock that never goes back. */
  monotonic(): number;
  after(ms: number, callback: () => void): () => void;
}

/** What ends sooner is not worth a line. */
const QUIET_MS = 1000;
const BAR_WIDTH = 30;
/** A terminal is repainted at most this often. */
const REPAINT_MS = 100;
/** Plain lines are for log files: one for each quarter of the way. */
const QUARTERS = 4;

/** Shows how far one piece of work has come, once it has taken longer than a second. */
export function showProgress(first: string, parts: ProgressParts): LoadDisplay {
  const { note, columns, monotonic } = parts;
  let current: Progress = { task: first, fraction: 0 };
  let visible = false;
  let painted = Number.NEGATIVE_INFINITY;
  let written = "";
  const show = () => {
    if (columns > 0) {
      if (monotonic() - painted < REPAINT_MS && current.fraction < 1) return;
      painted = monotonic();
      note(`\r\u001b[K${barLine(current, columns)}`);
    } else {
      const line = plainLine(current);
      if (line !== written) note(`${line}${detailOf(current)}\n`);
      written = line;
    }
  };
  const cancel = parts.after(QUIET_MS, () => {
    visible = true;
    show();
  });
  return {
    update(progress) {
      current = progress;
      if (visible) show();
    },
    end() {
      cancel();
      if (visible && columns > 0) note("\r\u001b[K");
      visible = false;
    },
  };
}

const detailOf = ({ detail }: Progress): string => (detail === undefined ? "" : ` (${detail})`);

const percent = (fraction: number): string => `${Math.floor(fraction * 100)} %`;

function barLine(progress: Progress, columns: number): string {
  const { task, fraction } = progress;
  const filled = Math.round(fraction * BAR_WIDTH);
  const bar = `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}] ${percent(fraction).padStart(5)}  `;
  // One column is left free: a full line would wrap and scroll.
  return `${bar}${task}${detailOf(progress)}`.slice(0, columns - 1);
}

function plainLine({ task, fraction }: Progress): string {
  const quarter = Math.floor(fraction * QUARTERS) / QUARTERS;
  return quarter === 0 ? `${task} …` : `${task}: ${percent(quarter)}`;
}
