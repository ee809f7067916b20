/** How things end: a connection, and what a listener of its throws. */

import { ClosedError } from "../errors";

/** The end of a connection, to be waited for. */
export class Ending {
  readonly ended: Promise<void>;
  end: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

export function closedError(): ClosedError {
  return new ClosedError({ code: "ERR_CLOSED", message: "the MQTT connection is closed" });
}

/** What a listener has thrown is its own affair: in a tick of its own it ends nothing of ours. */
export function thrown(failure: unknown): void {
  process.nextTick(() => {
    throw failure;
  });
}
