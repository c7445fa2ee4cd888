import type { Automaton } from "./automaton.ts";
import { constant } from "./constant.ts";
import { patternAutomaton } from "./pattern-automaton.ts";

const YEAR = "\\d{4}";
const leap = "(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)";
const DATE =
  `(${YEAR}-(0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|${YEAR}-(0[469]|11)-(0[1-9]|[12]\\d|30)` +
  `|${YEAR}-02-(0[1-9]|1\\d|2[0-8])|${leap}-02-29)`;
const TIME = "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?([Zz]|[+-]([01]\\d|2[0-3]):[0-5]\\d)";
const LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const HOSTNAME = `${LABEL}(\\.${LABEL})*`;
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const BYTE = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = `${BYTE}(\\.${BYTE}){3}`;
const H16 = "[0-9A-Fa-f]{1,4}";
const LS32 = `(${H16}:${H16}|${IPV4})`;
/** RFC 3986, appendix A. */
const IPV6 = [
  `(${H16}:){6}${LS32}`,
  `::(${H16}:){5}${LS32}`,
  `(${H16})?::(${H16}:){4}${LS32}`,
  `((${H16}:){0,1}${H16})?::(${H16}:){3}${LS32}`,
  `((${H16}:){0,2}${H16})?::(${H16}:){2}${LS32}`,
  `((${H16}:){0,3}${H16})?::${H16}:${LS32}`,
  `((${H16}:){0,4}${H16})?::${LS32}`,
  `((${H16}:){0,5}${H16})?::${H16}`,
  `((${H16}:){0,6}${H16})?::`,
].join("|");
const ENCODED = "%[0-9A-Fa-f]{2}";
const PCHAR = `([A-Za-z0-9._~!$&'()*+,;=:@-]|${ENCODED})`;
const REG_NAME = `([A-Za-z0-9._~!$&'()*+,;=-]|${ENCODED})*`;
const AUTHORITY = `(([A-Za-z0-9._~!$&'()*+,;=:-]|${ENCODED})*@)?(${REG_NAME}|\\[(${IPV6}|[vV][0-9A-Fa-f]+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\\])(:\\d{0,5})?`;
const HIERARCHY = `(//${AUTHORITY}(/${PCHAR}*)*|/(${PCHAR}+(/${PCHAR}*)*)?|${PCHAR}+(/${PCHAR}*)*|)`;
const TAIL = `(\\?(${PCHAR}|[/?])*)?(#(${PCHAR}|[/?])*)?`;
const SCHEME = "[A-Za-z][A-Za-z0-9+.-]*";
const NOSCHEME = `(//${AUTHORITY}(/${PCHAR}*)*|/(${PCHAR}+(/${PCHAR}*)*)?|([A-Za-z0-9._~!$&'()*+,;=@-]|${ENCODED})+(/${PCHAR}*)*|)`;
const TIME_PART = "T(\\d+H(\\d+M(\\d+S)?)?|\\d+M(\\d+S)?|\\d+S)";
const POINTER = "(/([^/~]|~[01])*)*";

/** The formats of JSON Schema 2020-12 that a regular expression can say in full. */
const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  "date-time": `${DATE}[Tt]${TIME}`,
  duration: `P(\\d+W|(\\d+Y(\\d+M(\\d+D)?)?|\\d+M(\\d+D)?|\\d+D)(${TIME_PART})?|${TIME_PART})`,
  email: `${ATOM}(\\.${ATOM})*@(${HOSTNAME}|\\[${IPV4}\\]|\\[IPv6:(${IPV6})\\])`,
  hostname: HOSTNAME,
  ipv4: IPV4,
  ipv6: IPV6,
  uuid: "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
  uri: `${SCHEME}:${HIERARCHY}${TAIL}`,
  "uri-reference": `(${SCHEME}:${HIERARCHY}|${NOSCHEME})${TAIL}`,
  "json-pointer": POINTER,
  "relative-json-pointer": `(0|[1-9]\\d*)(#|${POINTER})`,
};

export const FORMAT_NAMES: readonly string[] = Object.keys(FORMATS);

const automata = new Map(
  Object.entries(FORMATS).map(([name, pattern]) => [
    name,
    constant((budget) => patternAutomaton(pattern, "whole", budget)),
  ]),
);

/** undefined for a format that is not known. */
export const formatAutomaton = (name: string): Automaton | undefined => automata.get(name)?.();
