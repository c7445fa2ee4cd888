import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { type Check, deploy, root, succeeded, type Tool } from "./check.ts";
import { checkGatewayConfig, isServed } from "./gateway-config.ts";
import { run } from "./tools.ts";

const promtool: Tool = { names: ["promtool"], install: "Debian's package prometheus" };
const compose: Tool = {
  names: ["docker-compose", "docker"],
  install: "docker compose, version 2",
  works: async (path) => (await run(path, [...composeCommand(path), "version"])).status === 0,
};
const helm: Tool = { names: ["helm"], install: "go install helm.sh/helm/v3/cmd/helm@latest" };
const kubeconform: Tool = {
  names: ["kubeconform"],
  install: "go install github.com/yannh/kubeconform/cmd/kubeconform@latest",
};
const systemd: Tool = { names: ["systemd-analyze"], install: "systemd" };

/** Arguments that make the found program docker compose. */
function composeCommand(path: string): string[] {
  return basename(path) === "docker" ? ["compose"] : [];
}

const prometheusFolder = join(deploy, "prometheus");
const chart = join(deploy, "helm", "dolly-gateway");
const KUBERNETES = "1.33.0";

const PROFILES = ["cpu", "gpu", "cluster", "ui"];

/**
 * Where kubeconform finds schemas, with its own placeholders: a comma-separated list. By default in the internet, those of
 * custom resources (KubeRay's, the Prometheus operator's) too; elsewhere those that are missing are left out.
 */
const { KUBECONFORM_SCHEMAS } = process.env;
const schemas = KUBECONFORM_SCHEMAS?.split(",") ?? [
  "default",
  "https://raw.githubusercontent.com/datreeio/CRDs-catalog/main/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json",
];
const missing = KUBECONFORM_SCHEMAS === undefined ? [] : ["-ignore-missing-schemas"];

/** Checks of files by the tools that read them. */
export const fileChecks: readonly Check[] = [
  {
    name: "Prometheus' config, alerts and their tests",
    needs: [promtool],
    async run([tool = ""]) {
      const config = ["check", "config", "--syntax-only", "prometheus.yaml"];
      succeeded(await run(tool, config, { cwd: prometheusFolder }));
      succeeded(await run(tool, ["check", "rules", "alerts.yaml"], { cwd: prometheusFolder }));
      return succeeded(await run(tool, ["test", "rules", "alerts.test.yaml"], { cwd: prometheusFolder }));
    },
  },
  ...PROFILES.map(
    (profile): Check => ({
      name: `docker compose, profile ${profile}`,
      needs: [compose],
      async run([tool = ""]) {
        const args = [
          ...composeCommand(tool),
          "-f",
          join(root, "docker-compose.yml"),
          "--profile",
          profile,
          "config",
        ];
        succeeded(await run(tool, [...args, "--quiet"]));
        const services = succeeded(await run(tool, [...args, "--services"]));
        if (services === "") throw new Error("the profile has no services");
        return services.split("\n").toSorted().join(", ");
      },
    }),
  ),
  ...readdirSync(join(chart, "ci")).flatMap((file): Check[] => {
    const values = join(chart, "ci", file);
    return [
      {
        name: `helm lint, ${file}`,
        needs: [helm],
        run: async ([tool = ""]) => {
          succeeded(await run(tool, ["lint", "--strict", chart, "--values", values]));
          return "no complaints";
        },
      },
      {
        name: `helm template | kubeconform, ${file}`,
        needs: [helm, kubeconform],
        async run([tool = "", conform = ""]) {
          const args = ["template", "dolly", chart, "--kube-version", KUBERNETES, "--values", values];
          const rendered = await run(tool, args);
          succeeded(rendered);
          checkRendered(rendered.stdout);
          const locations = schemas.flatMap((location) => ["-schema-location", location]);
          const options = [
            "-strict",
            "-summary",
            "-kubernetes-version",
            KUBERNETES,
            ...missing,
            ...locations,
          ];
          const summary = succeeded(await run(conform, options, { input: rendered.stdout }));
          if (summary.includes("Valid: 0")) throw new Error(`no schema was found: ${summary}`);
          return summary;
        },
      },
    ];
  }),
  {
    name: "systemd unit",
    needs: [systemd],
    async run([tool = ""]) {
      succeeded(await run(tool, ["verify", join(deploy, "systemd", "dolly-gateway.service")]));
      return "no complaints";
    },
  },
];

const rendering = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
  data: z.record(z.string(), z.string()).optional(),
});

/** Throws where the gateway would not take its config, or a secret would stand in the release. */
function checkRendered(text: string): void {
  const resources = parseAllDocuments(text).map((document) => rendering.parse(document.toJS()));
  if (resources.some(({ kind }) => kind === "Secret")) throw new Error("the chart makes a secret");
  const config = resources.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "dolly");
  const written = config?.data?.["dolly.yaml"];
  if (written === undefined) throw new Error("the chart writes no dolly.yaml");
  if (isServed(written)) checkGatewayConfig("dolly.yaml", written);
}
