// A session that is made to fetch without a pause.

import { RefreshableSession } from "refresh-session";

/** One fetch after the other, until it is stopped. */
export class FetchLoop {
  fetches = 0;
  failures = [];
  warnings = [];
  #session;
  #stopped = false;
  #ended;

  constructor(options) {
    this.#session = new RefreshableSession({ ...options, onWarning: ({ code }) => this.warnings.push(code) });
    this.#ended = this.#run();
  }

  /** Until a fetch has ended that begins from now on. */
  async fresh() {
    const begun = this.fetches;
    // The one under way, and one more.
    while (this.fetches < begun + 2) await new Promise(setImmediate);
  }

  async stop() {
    this.#stopped = true;
    await this.#ended;
    await this.#session.close();
    const { fetches, failures, warnings } = this;
    return { fetches, failures, warnings };
  }

  async #run() {
    while (!this.#stopped) {
      try {
        await this.#session.refresh({ force: true });
      } catch (error) {
        this.failures.push(`${error.code}: ${error.message}`);
      }
      this.fetches++;
    }
  }
}
