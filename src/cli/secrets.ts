/** PIN and passphrase: from a file, from an environment variable or from a person, never from the command line. */

import { resolve } from "node:path";
import { Option } from "commander";
import { misconfigured, usage } from "./exit";
import { everybodyReads, readTextFile, reasonOf, shownMode } from "./files";
import type { FlagValues, Options } from "./flags";
import { ask } from "./prompt";

const HEADING = "Secrets:";

/** The flags of a token's PIN. */
export function pinFlags(): Option[] {
  return flagsOf("pin", "the token's PIN");
}

/** The flags of a private key's passphrase. */
export function passphraseFlags(): Option[] {
  return flagsOf("passphrase", "the passphrase of the private key");
}

/** The PIN that the flags lead to, if there is one; `warn` hears what is wrong with where it is kept. */
export function pinOf(flags: FlagValues, warn: (text: string) => void): Promise<string | undefined> {
  return secretOf("pin", "PIN", flags, warn);
}

/** Puts the secrets that the flags lead to into `options`. */
export async function applySecrets(options: Options, flags: FlagValues, warn: (text: string) => void): Promise<void> {
  const pin = await pinOf(flags, warn);
  if (pin !== undefined) applyPin(options, flags, pin);
  const passphrase = await secretOf("passphrase", "passphrase", flags, warn);
  if (passphrase !== undefined) options.privateKeyPassphrase = passphrase;
}

function applyPin(options: Options, flags: FlagValues, pin: string): void {
  const { pkcs11 } = options;
  if (typeof pkcs11 === "object" && pkcs11 !== null) {
    const { userPin: _, userPinEnv: __, ...rest } = pkcs11 as Options;
    options.pkcs11 = { ...rest, userPin: pin };
  } else if (typeof pkcs11 === "string" && typeof flags.pinFile === "string") {
    const source = encodeURIComponent(resolve(flags.pinFile)).replaceAll("%2F", "/");
    options.pkcs11 = `${pkcs11}${pkcs11.includes("?") ? "&" : "?"}pin-source=${source}`;
  } else if (typeof pkcs11 === "string") {
    throw usage(
      "a `pkcs11:` URI takes its PIN from a file only",
      "Use --pin-file, or give the token by --pkcs11-library and its like.",
    );
  } else {
    throw usage(
      "a PIN is given, and no token that it could be for",
      "Name it by `pkcs11` in the configuration file or by --pkcs11-library.",
    );
  }
}

function flagsOf(name: string, what: string): Option[] {
  return [
    new Option(`--${name}-file <path>`, `file that holds ${what}; one newline at its end is not part of it`),
    new Option(`--${name}-env <name>`, `environment variable that holds ${what}`),
    new Option(`--${name}-prompt`, `asks for ${what} on the terminal`),
  ].map((option) => option.helpGroup(HEADING));
}

async function secretOf(
  name: "pin" | "passphrase",
  shown: string,
  flags: FlagValues,
  warn: (text: string) => void,
): Promise<string | undefined> {
  const [file, variable, prompt] = [flags[`${name}File`], flags[`${name}Env`], flags[`${name}Prompt`]];
  if ([file, variable, prompt].filter((given) => given !== undefined).length > 1) {
    throw usage(`--${name}-file, --${name}-env and --${name}-prompt exclude each other`);
  }
  if (typeof file === "string") return fromFile(`--${name}-file`, file, warn);
  if (typeof variable === "string") {
    const value = process.env[variable];
    if (value !== undefined) return value;
    throw misconfigured(`--${name}-env names an environment variable that is not set`);
  }
  return prompt === undefined ? undefined : ask(shown);
}

function fromFile(flag: string, path: string, warn: (text: string) => void): string {
  try {
    const { text, stats } = readTextFile(path);
    if (everybodyReads(stats))
      warn(`${path} can be read by every user of this machine (mode ${shownMode(stats.mode)})`);
    return text.replace(/\n$/, "");
  } catch (error) {
    throw misconfigured(`the file of ${flag}, ${path}, cannot be read: ${reasonOf(error)}`);
  }
}
