export type Substituted = { readonly value: string | number | boolean } | { readonly problem: string };

/**
 * Replaces `${env.NAME}` in one string value. Where an unquoted value is nothing but one such reference, it is read
 * as YAML would read it in its place: digits become a number, `true` and `false` a boolean.
 */
export function substitute(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  unquoted: boolean,
): Substituted {
  let problem: string | undefined;
  const replaced = text.replace(/\$\{env\.([^}]*)\}?/g, (reference, name: string) => {
    if (!/^[A-Za-z_]\w*$/.test(name) || !reference.endsWith("}")) {
      problem ??= `"${reference}" is no reference to an environment variable; write \${env.NAME}`;
      return "";
    }
    const value = env[name];
    if (value === undefined) problem ??= `the environment variable ${name} is not set`;
    return value ?? "";
  });
  if (problem !== undefined) return { problem };
  if (unquoted && replaced !== text && /^\$\{env\.\w+\}$/.test(text)) return { value: scalar(replaced) };
  return { value: replaced };
}

function scalar(text: string): string | number | boolean {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return text;
}
