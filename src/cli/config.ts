/** The configuration file: found, trusted, read. What is in it is judged by the options' own parser. */

import { dirname, isAbsolute, resolve } from "node:path";
import { type CliError, misconfigured } from "./exit";
import { othersRead, type ReadFile, readTextFile, reasonOf, shownMode, whoElseWrites } from "./files";
import { isPath, type Options, pathRows } from "./flags";
import { JsonError, parseJson } from "./json";

/** Where it is looked for, in this order. */
export const DEFAULT_FILES = ["refresh-session.json", "/etc/refresh-session.json"] as const;

export interface Config {
  /** Its path, if there is one. */
  file: string | undefined;
  options: Options;
}

/** Reads the file that was given, else the first of the default ones that exists; else there are no options. */
export function readConfig(given: string | undefined): Config {
  if (given !== undefined) return load(given, open(given));
  for (const file of DEFAULT_FILES) {
    const found = openIfThere(file);
    if (found !== undefined) return load(resolve(file), found);
  }
  return { file: undefined, options: Object.create(null) };
}

function openIfThere(file: string): ReadFile | undefined {
  try {
    return readTextFile(file);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw unreadable(file, error);
  }
}

function open(file: string): ReadFile {
  try {
    return readTextFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function load(file: string, { text, stats }: ReadFile): Config {
  const who = whoElseWrites(stats);
  if (who !== undefined) {
    throw misconfigured(
      `${file} is not believed: ${who}`,
      "It says which endpoint is asked and which module is loaded: only root and the user of this process may write to it (`chmod go-w`, `chown`).",
    );
  }
  const options = optionsIn(file, text);
  const secret = secretIn(options);
  if (secret !== undefined && othersRead(stats)) {
    throw misconfigured(
      `${file} holds a secret (\`${secret}\`) and its mode ${shownMode(stats.mode)} lets others read it`,
      "Make it 0600, or keep the secret elsewhere: `pkcs11.userPinEnv`, `pin-source`, --pin-file, --pin-env, --passphrase-file.",
    );
  }
  for (const row of pathRows) {
    const [outer = "", inner] = row.path;
    const holder = inner === undefined ? options : options[outer];
    const name = inner ?? outer;
    if (typeof holder !== "object" || holder === null) continue;
    const value = (holder as Options)[name];
    if (isPath(row, value) && !isAbsolute(value)) (holder as Options)[name] = resolve(dirname(file), value);
  }
  return { file, options };
}

function optionsIn(file: string, text: string): Options {
  let options: unknown;
  try {
    options = parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw misconfigured(`${file} is no JSON: ${error.message}`);
    throw error;
  }
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return options as Options;
  throw misconfigured(`${file} holds no JSON object`, "It holds the options of `new RefreshableSession`.");
}

const SECRET_NAME = /(pin|passphrase|password|secret|secretAccessKey|sessionToken|tokenCode)$/i;
const SECRET_TEXT = /-----BEGIN [A-Z ]*PRIVATE KEY|[?&]pin-value=|^[a-z0-9+.-]+:\/\/[^/]*:[^/]*@/i;

/** The name of an option that is a secret, if there is one. */
function secretIn(options: object, prefix = ""): string | undefined {
  for (const [name, value] of Object.entries(options)) {
    const isSecret = typeof value === "string" && (SECRET_NAME.test(name) || SECRET_TEXT.test(value));
    if (isSecret) return prefix + name;
    const inside = typeof value === "object" && value !== null ? secretIn(value, `${prefix}${name}.`) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}

function unreadable(file: string, error: unknown): CliError {
  return misconfigured(`${file} cannot be read: ${reasonOf(error)}`);
}
