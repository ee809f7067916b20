/** Errors that say where the options at fault came from. */

import { RefreshError } from "../ts/errors";
import { CliError, exitCodeOf, textOf } from "./exit";

/** Runs `call`; an error about an option gets `whence` added. */
export async function told<T>(whence: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const aboutOptions =
      error instanceof RefreshError && (error.param !== undefined || error.name === "ValidationError");
    if (!aboutOptions) throw error;
    throw new CliError(exitCodeOf(error), `${textOf(error)} (${whence})`);
  }
}
