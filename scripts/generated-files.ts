import { drivers } from "../drivers/index.ts";
import { configJsonSchema, configSchema } from "../src/config/schema.ts";
import { endpoints } from "../src/endpoints/index.ts";
import { openApi } from "../src/endpoints/openapi.ts";
import { templates } from "../src/templates/index.ts";

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const json = (path: string, value: object): GeneratedFile => ({
  path,
  text: `${JSON.stringify(value, null, 2)}\n`,
});

const schema = configSchema(
  drivers,
  templates.map(({ name }) => name),
);

/** Every committed file that follows from the code. */
export const generatedFiles: readonly GeneratedFile[] = [
  json("config/dolly.schema.json", configJsonSchema(schema)),
  json("docs/openapi.json", openApi(endpoints)),
];
