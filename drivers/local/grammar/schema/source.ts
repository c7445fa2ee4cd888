import { at, type Budget, Unenforceable } from "../budget.ts";

export type SchemaObject = Readonly<Record<string, unknown>>;
export type Schema = SchemaObject | boolean;

/** A schema and where it stands. */
export interface Place {
  readonly schema: Schema;
  /** From the root, with dots: `properties.age`. */
  readonly path: string;
}

/** A place, or all that does not match it. */
export interface Literal extends Place {
  readonly id: string;
  readonly negative: boolean;
}

export const isObject = (value: unknown): value is SchemaObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isSchema = (value: unknown): value is Schema => isObject(value) || typeof value === "boolean";

export const below = (path: string, ...keys: readonly (string | number)[]): string =>
  [...(path === "" ? [] : [path]), ...keys.map((key) => String(key).slice(0, 64))].join(".");

/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const HOLDERS = {
  one: [
    "additionalItems",
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
  ],
  list: ["allOf", "anyOf", "items", "oneOf", "prefixItems"],
  named: ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"],
} as const;

/** Schemas within schemas beyond this are refused. */
const DEEPEST = 64;

/** Where a document without an address is taken to be. */
const HERE = "schema:///";

/** A schema document: finds what its references mean. */
export class SchemaSource {
  readonly root: Place;
  /** Until draft 7, nothing counts beside a `$ref`. */
  readonly refStandsAlone: boolean;
  readonly #budget: Budget;
  /** Addresses of schema objects, those with an anchor or an `$id` of their own. */
  readonly #byAddress = new Map<string, Place>();
  readonly #bases = new Map<SchemaObject, string>();
  readonly #ids = new Map<Schema, number>();

  /** Throws Unenforceable, TooComplex. */
  constructor(schema: Schema, budget: Budget) {
    this.#budget = budget;
    this.root = { schema, path: "" };
    this.refStandsAlone = isObject(schema) && /draft-0[3-7]/.test(String(schema["$schema"] ?? ""));
    this.#byAddress.set(HERE, this.root);
    this.#index(this.root, HERE, 0);
  }

  literal({ schema, path }: Place, negative = false): Literal {
    let id = this.#ids.get(schema);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(schema, id);
    }
    return { schema, path, negative, id: `${negative ? "!" : ""}${id}` };
  }

  /** What `$ref` means in a schema. Throws Unenforceable. */
  resolve(from: Place, reference: unknown): Place {
    const path = below(from.path, "$ref");
    if (typeof reference !== "string") throw new Unenforceable(path, "it must be a string");
    const base = isObject(from.schema) ? (this.#bases.get(from.schema) ?? HERE) : HERE;
    const url = URL.canParse(reference, base) ? new URL(reference, base) : undefined;
    const [document = "", fragment = ""] = (url?.href ?? "").split("#");
    const found = this.#byAddress.get(`${document}#${fragment}`) ?? this.#pointed(document, fragment);
    if (found !== undefined) return found;
    throw new Unenforceable(
      path,
      `there is no ${JSON.stringify(reference.slice(0, 100))} in this schema, and others are not fetched`,
    );
  }

  #pointed(document: string, fragment: string): Place | undefined {
    let place = this.#byAddress.get(document);
    if (place === undefined || (fragment !== "" && !fragment.startsWith("/"))) return undefined;
    for (const raw of fragment.split("/").slice(1)) {
      const value: unknown = place.schema;
      const key = unescaped(raw);
      if (typeof value !== "object" || value === null || key === undefined || !Object.hasOwn(value, key))
        return undefined;
      const next: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
      // On the way there may be lists and maps, which are no schemas.
      place = { schema: next as Schema, path: below(place.path, key) };
    }
    return isSchema(place.schema) ? place : undefined;
  }

  #index(place: Place, base: string, depth: number): void {
    const { schema, path } = place;
    at(path, () => this.#budget.spend(50));
    if (depth > DEEPEST) throw new Unenforceable(path, `it is nested more than ${DEEPEST} deep`);
    if (!isObject(schema)) return;
    const own = this.#address(place, base);
    this.#bases.set(schema, own);
    for (const anchor of ["$anchor", "$dynamicAnchor"]) {
      if (typeof schema[anchor] === "string") this.#byAddress.set(`${own}#${schema[anchor]}`, place);
    }
    const open = (value: unknown, ...keys: (string | number)[]) => {
      if (isSchema(value)) this.#index({ schema: value, path: below(path, ...keys) }, own, depth + 1);
    };
    for (const key of HOLDERS.one) if (Object.hasOwn(schema, key)) open(schema[key], key);
    for (const key of HOLDERS.list) {
      const list = Object.hasOwn(schema, key) ? schema[key] : undefined;
      if (Array.isArray(list)) for (const [index, item] of list.entries()) open(item, key, index);
    }
    for (const key of HOLDERS.named) {
      const named = Object.hasOwn(schema, key) ? schema[key] : undefined;
      if (isObject(named)) for (const [name, item] of Object.entries(named)) open(item, key, name);
    }
  }

  #address(place: Place, base: string): string {
    const id = isObject(place.schema) ? place.schema["$id"] : undefined;
    if (typeof id !== "string" || !URL.canParse(id, base)) return base;
    // Before 2019 an `$id` that is a mere fragment was an anchor.
    const { href } = new URL(id, base);
    const [document = ""] = href.split("#");
    if (id.startsWith("#")) this.#byAddress.set(href, place);
    else this.#byAddress.set(document, place);
    return id.startsWith("#") ? base : document;
  }
}

/** A part of a JSON pointer in a URL. */
function unescaped(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return undefined;
  }
}
