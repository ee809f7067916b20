/**
 * Which of the process's JavaScript threads this is. Asked only where it matters: Node's module for it brings all of
 * its streams along, a quarter of the time that loading this package would take.
 */

const threads = () => process.getBuiltinModule("node:worker_threads");

/** A number of this thread alone; 0 is the main thread's. */
export function threadId(): number {
  return threads().threadId;
}

/** Whether the process ends with this thread. */
export function isMainThread(): boolean {
  return threads().isMainThread;
}
