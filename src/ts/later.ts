/**
 * A part of this package that is read when it is first wanted.
 *
 * By then another version may have been installed over this one, or all of it removed: a gateway that updates itself does
 * that. Two versions are never mixed.
 */

import { ConfigurationError } from "./errors";
import { VERSION } from "./version";

/**
 * Reads the part, which is a file beside this one.
 *
 * @throws ConfigurationError if it is not there any more, or is of another version.
 */
export function later<T extends { VERSION: string }>(read: () => T): T {
  let part: T;
  try {
    part = read();
  } catch (cause) {
    throw replaced("a part of refresh-session cannot be read", cause);
  }
  if (part.VERSION === VERSION) return part;
  throw replaced(`refresh-session ${VERSION} was replaced by ${part.VERSION} while this process ran`);
}

function replaced(message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError({
    code: "ERR_NATIVE_ADDON",
    message,
    hint: "Restart this process after an update of its packages; if that does not help, install them again.",
    ...(cause === undefined ? undefined : { cause }),
  });
}
