/** From a command line to the options of a session: configuration file, flags over it, secrets over both. */

import type { Command } from "commander";
import { Option } from "commander";
import { RefreshableSession } from "../ts/RefreshableSession";
import type { SessionOptions } from "../ts/sessionOptions";
import type { SessionWarning } from "../ts/types";
import { type Config, DEFAULT_FILES, readConfig } from "./config";
import { applyFlags, type FlagValues, type Options, optionFlags } from "./flags";
import { say } from "./output";
import { applySecrets, passphraseFlags, pinFlags } from "./secrets";

/** Gives a command the flags that lead to a session. */
export function withSessionFlags(command: Command): Command {
  const config = `JSON object with the options of a session; default ${DEFAULT_FILES.join(", then ")}`;
  command.addOption(new Option("--config <path>", config));
  for (const option of [...pinFlags(), ...passphraseFlags(), ...optionFlags()]) command.addOption(option);
  return command;
}

/** What the command line and its file say. */
export async function optionsOf(flags: FlagValues, warn: (text: string) => void = warned): Promise<Config> {
  const config = readConfig(flags.config as string | undefined);
  applyFlags(config.options, flags);
  await applySecrets(config.options, flags, warn);
  return config;
}

/** A session on these options. An error says which file they are from. */
export function open(options: Options, onWarning?: (warning: SessionWarning) => void): RefreshableSession {
  const warning = onWarning ?? ((given: SessionWarning) => warned(`${given.code}: ${given.message}`));
  return new RefreshableSession({ onWarning: warning, ...options } as unknown as SessionOptions);
}

/** Completes an error: from where its options are. */
export function whence({ file }: Config): string {
  return file === undefined
    ? `no configuration file was read: there is none at ${DEFAULT_FILES.join(" or ")}`
    : `options are from ${file} and the command line`;
}

function warned(text: string): void {
  say(`warning: ${text}`);
}
