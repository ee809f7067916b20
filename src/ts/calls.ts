/** Calls of a function of the user's that the native side has asked for, each by the number it was given. */
export class Calls {
  readonly #running = new Map<number, AbortController>();

  /** Runs `work` as call number `call`. What it gives is in an object, so that nobody asks it for `then` again. */
  async run<T>(call: number, work: (signal: AbortSignal) => T | Promise<T>): Promise<{ given: Awaited<T> }> {
    const controller = new AbortController();
    this.#running.set(call, controller);
    try {
      return { given: await work(controller.signal) };
    } finally {
      this.#running.delete(call);
    }
  }

  /** Nobody waits for it any more; it may never settle. */
  abort(call: number, message: string): void {
    this.#running.get(call)?.abort(new DOMException(message, "TimeoutError"));
    this.#running.delete(call);
  }
}
