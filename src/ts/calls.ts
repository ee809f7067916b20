/** Calls of a function of the user's that the native side has asked for, each by the number it was given. */
export class Calls {
  readonly #running = new Map<number, AbortController>();

  /** Runs `work` as call number `call`. */
  async run<T>(call: number, work: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#running.set(call, controller);
    try {
      return await work(controller.signal);
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
