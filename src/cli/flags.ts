/**
 * Options as flags. Which there are stands in `flags.generated.ts`, derived from the public types; here they become
 * flags, and flags become options again. Whether a value is right is for the options' own parser to say.
 */

import { Option } from "commander";
import { usage } from "./exit";
import { ROWS } from "./flags.generated";

/** One option that is a flag. */
export interface FlagRow {
  /** Without the dashes. */
  flag: string;
  /** Where it stands in the options. */
  path: readonly string[];
  kind: string;
  /** `false` means something, and is `--no-<flag>`. */
  orFalse?: boolean;
  /** Of a path: what may stand there and is none. */
  words?: readonly string[];
  /** Its method cannot do without it. */
  required?: boolean;
  /** The interface that declares it. */
  group: string;
  help: string;
}

/** The flags as commander gives them, by their names in camel case. */
export type FlagValues = Record<string, unknown>;

export type Options = Record<string, unknown>;

/** Every row as flags of a command. */
export function optionFlags(): Option[] {
  return ROWS.flatMap((row) => {
    const value = row.kind === "boolean" ? "[boolean]" : `<${row.kind}>`;
    const given = new Option(`--${row.flag} ${value}`, row.help).helpGroup(heading(row));
    if (row.orFalse !== true) return [given];
    return [
      given,
      new Option(`--no-${row.flag}`, `the same as \`${row.path.join(".")}: false\``).helpGroup(heading(row)),
    ];
  });
}

/** Puts what was given as flags into `options`, over what is there. */
export function applyFlags(options: Options, flags: FlagValues): void {
  for (const row of ROWS) {
    const value = flags[camel(row.flag)];
    // What `--no-…` would be if it is not given.
    if (value === undefined || (value === true && row.orFalse === true)) continue;
    refuseSecret(row, value);
    place(options, row, read(row, value));
  }
}

/** The flags that lead to a token, by their own names: `--library`, `--token-label`. */
export function tokenFlags(): Option[] {
  return tokenRows.map((row) => {
    const value = row.kind === "boolean" ? "[boolean]" : `<${row.kind}>`;
    const option = new Option(`--${ownFlag(row)} ${value}`, row.help).helpGroup("Token:");
    return row.path[1] === "library" ? option.makeOptionMandatory() : option;
  });
}

/** Puts what was given of them into `options`. */
export function applyTokenFlags(options: Options, flags: FlagValues): void {
  for (const row of tokenRows) {
    const value = flags[camel(ownFlag(row))];
    if (value !== undefined) options[row.path[1] ?? ""] = read({ ...row, flag: ownFlag(row) }, value);
  }
}

/** What names the source: the options that its method cannot do without. */
export function sourceOf(options: Options): Record<string, string> {
  const named = ROWS.filter(
    ({ required, path: [name = ""] }) => required === true && typeof options[name] === "string",
  );
  return Object.fromEntries(named.map(({ path: [name = ""] }) => [name, String(options[name])]));
}

/** Those of a token, without those of the objects in it. */
const tokenRows = ROWS.filter(
  ({ path: [outer, inner = ""] }) => outer === "pkcs11" && /^(?!$|privateKey|certificate)/.test(inner),
);

function ownFlag({ flag }: FlagRow): string {
  return flag.replace(/^pkcs11-/, "");
}

/** The rows whose values are paths. */
export const pathRows: readonly FlagRow[] = ROWS.filter(({ kind }) => kind === "path");

/** Whether the value of a path's row is one: it may be a text in PEM, or a word. */
export function isPath(row: FlagRow, value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("-----BEGIN") && !row.words?.includes(value);
}

function place(options: Options, row: FlagRow, value: unknown): void {
  const [outer = "", inner] = row.path;
  if (inner === undefined) {
    options[outer] = value;
    return;
  }
  const around = options[outer] ?? Object.create(null);
  if (typeof around !== "object") {
    throw usage(
      `--${row.flag} does not go with \`${outer}\` as a text`,
      `Put it into that text, or give all of \`${outer}\` as flags.`,
    );
  }
  options[outer] = Object.assign(around, { [inner]: value });
}

function read({ kind, flag }: FlagRow, value: unknown): unknown {
  if (kind === "number") {
    const number = Number(value);
    if (value !== "" && !Number.isNaN(number)) return number;
    throw usage(`--${flag} is not a number`);
  }
  if (kind === "boolean") {
    if (value === true || value === "true") return true;
    if (value === "false") return false;
    throw usage(`--${flag} is neither true nor false`);
  }
  return value;
}

/** A command line is there for every user of the machine to read. */
function refuseSecret({ flag }: FlagRow, value: unknown): void {
  const text = String(value);
  const why = "Every user of this machine can read a command line.";
  if (/^[a-z0-9+.-]+:\/\/[^/]*:[^/]*@/i.test(text)) {
    throw usage(`--${flag} has a password in it`, `${why} Put it into the configuration file or the environment.`);
  }
  if (/[?&]pin-value=/i.test(text)) {
    throw usage(`--${flag} has a PIN in it`, `${why} Use \`pin-source\`, --pin-file, --pin-env or --pin-prompt.`);
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY/.test(text)) {
    throw usage(`--${flag} is a private key`, `${why} Give the path of its file.`);
  }
}

/** Under which heading of `--help`. An interface is called after its method. */
function heading({ group, path }: FlagRow): string {
  if (path.length > 1) return `Of \`${path[0]}\`:`;
  const name = group.replace(/Options$/, "");
  if (name === "" || name === "Common") return "Every method:";
  return `Method ${name.charAt(0).toLowerCase()}${name.slice(1)}:`;
}

function camel(flag: string): string {
  return flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
