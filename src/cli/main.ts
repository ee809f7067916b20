#!/usr/bin/env node
/** The command line. It ends by itself when all is closed, with the code of what went wrong. */

import { CommanderError } from "commander";
import { EXIT, exitCodeOf, textOf } from "./exit";
import { say } from "./output";
import { program } from "./program";

// A token's session would stay open otherwise: see docs/pkcs11.md.
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const) {
  process.once(signal, () => process.exit(128 + number));
}

async function main(): Promise<void> {
  try {
    await exiting(program()).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has said what it has to say.
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return;
    }
    say(textOf(error));
    process.exitCode = exitCodeOf(error);
  }
}

/** commander ends the process by itself otherwise; subcommands are asked one by one. */
function exiting(command: ReturnType<typeof program>): ReturnType<typeof program> {
  command.exitOverride();
  for (const sub of command.commands) exiting(sub);
  return command;
}

void main();
