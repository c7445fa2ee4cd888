/** The tasks of Dolly's model card, in its order, and the score of each that the card gives. */
export const TASKS = [
  { name: "openbookqa", metric: "acc_norm" },
  { name: "arc_easy", metric: "acc_norm" },
  { name: "winogrande", metric: "acc" },
  { name: "hellaswag", metric: "acc_norm" },
  { name: "arc_challenge", metric: "acc_norm" },
  { name: "piqa", metric: "acc_norm" },
  { name: "boolq", metric: "acc" },
] as const;

/** One score a task, 0 to 1, in the order of `TASKS`. */
export type Scores = readonly number[];

/** A row of the table. */
export interface Row {
  readonly name: string;
  readonly scores: Scores;
}

/** The table of https://huggingface.co/databricks/dolly-v2-12b, by ascending geometric mean. */
export const PUBLISHED: readonly Row[] = [
  {
    name: "EleutherAI/pythia-2.8b",
    scores: [0.348, 0.585859, 0.589582, 0.591217, 0.323379, 0.73395, 0.638226],
  },
  {
    name: "EleutherAI/pythia-6.9b",
    scores: [0.368, 0.604798, 0.608524, 0.631548, 0.343857, 0.761153, 0.6263],
  },
  {
    name: "databricks/dolly-v2-3b",
    scores: [0.384, 0.611532, 0.589582, 0.650767, 0.370307, 0.742655, 0.575535],
  },
  {
    name: "EleutherAI/pythia-12b",
    scores: [0.364, 0.627104, 0.636148, 0.668094, 0.346416, 0.760065, 0.673394],
  },
  {
    name: "EleutherAI/gpt-j-6B",
    scores: [0.382, 0.621633, 0.651144, 0.662617, 0.363481, 0.761153, 0.655963],
  },
  {
    name: "databricks/dolly-v2-12b",
    scores: [0.408, 0.63931, 0.616417, 0.707927, 0.388225, 0.757889, 0.568196],
  },
  {
    name: "databricks/dolly-v2-7b",
    scores: [0.392, 0.633838, 0.607735, 0.686517, 0.406997, 0.750816, 0.644037],
  },
  {
    name: "databricks/dolly-v1-6b",
    scores: [0.41, 0.62963, 0.643252, 0.676758, 0.384812, 0.773667, 0.687768],
  },
  {
    name: "EleutherAI/gpt-neox-20b",
    scores: [0.402, 0.683923, 0.656669, 0.7142, 0.408703, 0.784004, 0.695413],
  },
];

/** Geometric mean, by which the card orders its rows; 0 where a score is 0. */
export const geometricMean = (scores: Scores): number =>
  Math.exp(scores.reduce((sum, score) => sum + Math.log(score), 0) / scores.length);

/** The published row of a model, by its name with or without its owner, whatever the case. */
export function publishedRow(name: string): Row | undefined {
  const base = (full: string) => full.toLowerCase().replace(/^.*\//, "");
  return PUBLISHED.find((row) => base(row.name) === base(name));
}

/** The card's table with a measured row next to the published one of the same model, or at its end. */
export function cardTable(measured: Row): string {
  const published = publishedRow(measured.name);
  const here: Row = { ...measured, name: `${measured.name} (measured here)` };
  const rows = PUBLISHED.flatMap((row) => (row === published ? [row, here] : [row]));
  if (published === undefined) rows.push(here);
  const cells = [
    ["model", ...TASKS.map(({ name }) => name), "gmean"],
    ...rows.map(({ name, scores }) => [
      name,
      ...scores.map((score) => score.toFixed(4)),
      geometricMean(scores).toFixed(4),
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
  return `${cells.map((row) => line(row).join("  ")).join("\n")}\n`;
}
