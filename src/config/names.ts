import { suggestion } from "./nearest.ts";
import { type KeyPath, pathText } from "./problem.ts";
import type { Config, ModelConfig } from "./schema.ts";

/** Names under which /v1/completions takes the prompt as an instruction. */
export function instructAliases(name: string, model: ModelConfig): readonly string[] {
  return model.instruct_aliases ?? [`${name}-instruct`];
}

/** Names that two models, or two parts of one, claim; and a default model that no name answers to. */
export function nameProblems(config: Config): { path: KeyPath; message: string }[] {
  const problems: { path: KeyPath; message: string }[] = [];
  const owners = new Map<string, KeyPath>();
  const claim = (name: string, path: KeyPath) => {
    const owner = owners.get(name);
    if (owner === undefined) owners.set(name, path);
    else problems.push({ path, message: `the name "${name}" is taken by ${pathText(owner)}` });
  };
  for (const name of Object.keys(config.models)) claim(name, ["models", name]);
  for (const [name, model] of Object.entries(config.models)) {
    for (const [index, alias] of model.aliases.entries()) claim(alias, ["models", name, "aliases", index]);
    for (const [index, alias] of instructAliases(name, model).entries()) {
      const written = model.instruct_aliases !== undefined;
      claim(alias, written ? ["models", name, "instruct_aliases", index] : ["models", name]);
    }
  }
  for (const [name, model] of Object.entries(config.models)) {
    for (const list of ["fallbacks", "context_window_fallbacks"] as const) {
      for (const [index, other] of model[list].entries()) {
        const path = ["models", name, list, index];
        if (!Object.hasOwn(config.models, other)) {
          const known = Object.keys(config.models);
          problems.push({ path, message: `no model has the name "${other}"${suggestion(other, known)}` });
        } else if (other === name) problems.push({ path, message: "a model is no fallback of itself" });
      }
    }
  }
  const { default_model: wanted } = config;
  if (wanted !== undefined && !owners.has(wanted)) {
    problems.push({
      path: ["default_model"],
      message: `no model has the name "${wanted}"${suggestion(wanted, [...owners.keys()])}`,
    });
  }
  return problems;
}
