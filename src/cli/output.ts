/** What is printed, and where. */

import { writeSync } from "node:fs";

/** A result, in one piece. Whoever reads may have left: that is no failure of ours. */
export function print(text: string): void {
  write(1, text);
}

/** Something for a person to read. */
export function say(text: string): void {
  complain(`refresh-session: ${text}\n`);
}

/** The same, word for word. */
export function complain(text: string): void {
  write(2, text);
}

function write(to: 1 | 2, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(to, rest));
    } catch (error) {
      const { code } = error as { code?: unknown };
      // A pipe that is full and does not block: its reader is slow.
      if (code === "EAGAIN") continue;
      return;
    }
  }
}
