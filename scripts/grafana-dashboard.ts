import { METRICS } from "../src/telemetry/metric-table.ts";
import { type Panel, ROWS } from "./dashboard-panels.ts";

/** Columns of Grafana's grid, and what a panel takes of it. */
const COLUMNS = 24;
const WIDTH = 8;
const HEIGHT = 8;

const DATASOURCE = { type: "prometheus", uid: "$datasource" };

/** The dashboard as Grafana imports it. */
export function grafanaDashboard(): object {
  let y = 0;
  let id = 0;
  const panels: object[] = [];
  for (const { title, panels: inRow } of ROWS) {
    id += 1;
    panels.push({
      id,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    for (const [index, panel] of inRow.entries()) {
      const x = (index * WIDTH) % COLUMNS;
      id += 1;
      panels.push(timeseries(id, panel, { x, y, w: WIDTH, h: HEIGHT }));
      if (x + WIDTH === COLUMNS || index === inRow.length - 1) y += HEIGHT;
    }
  }
  return {
    uid: "dolly-gateway",
    title: "dolly-gateway",
    tags: ["dolly-gateway", "llm"],
    schemaVersion: 39,
    editable: true,
    refresh: "10s",
    time: { from: "now-30m", to: "now" },
    templating: {
      list: [datasource, variable("instance", "Gateway"), variable("gen_ai_request_model", "Model", "model")],
    },
    panels,
  };
}

const datasource = { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" };

function variable(label: string, title: string, name = label): object {
  const metric = label === "instance" ? METRICS.build.name : METRICS.placementState.name;
  const query = `label_values(${metric}, ${label})`;
  return {
    name,
    label: title,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    includeAll: true,
    allValue: ".*",
    multi: true,
    current: { text: "All", value: "$__all" },
  };
}

function timeseries(id: number, { title, about, unit, max, queries }: Panel, gridPos: object): object {
  return {
    id,
    type: "timeseries",
    title,
    description: about,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max === undefined ? {} : { max }),
        custom: { fillOpacity: 8, showPoints: "never" },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: "list", placement: "bottom" },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}
