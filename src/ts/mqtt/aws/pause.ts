/** Waits between attempts at what went wrong and may go well later. */

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

/** How long to wait after so many failures: drawn anew each time, so that a fleet does not come back at once. */
export function delayAfter(failures: number): number {
  return Math.ceil(Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16)));
}

/** Resolves after that time, or when the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener("abort", over, { once: true });
  });
}
