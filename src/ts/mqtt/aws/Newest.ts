/** What came last, for whoever takes it when there is time: what came before is not needed any more. */
export class Newest<T> {
  #value: T | undefined;
  #wake: (() => void) | undefined;

  /** What waits. */
  get value(): T | undefined {
    return this.#value;
  }

  put(value: T): void {
    this.#value = value;
    this.#wake?.();
  }

  take(): T | undefined {
    const value = this.#value;
    this.#value = undefined;
    return value;
  }

  /** Ends a wait although nothing came. */
  wake(): void {
    this.#wake?.();
  }

  /** Resolves at the next `put` or `wake`, or when the signal is aborted; at once if something waits. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#value !== undefined || signal.aborted) return resolve();
      const over = () => {
        this.#wake = undefined;
        signal.removeEventListener("abort", over);
        resolve();
      };
      this.#wake = over;
      signal.addEventListener("abort", over, { once: true });
    });
  }
}
