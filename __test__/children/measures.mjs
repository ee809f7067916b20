// What a process can tell about itself: what it holds, and how late its event loop runs.

import { readdirSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Descriptors, threads, and memory in KiB: all of the process's, and that of JavaScript (`--expose-gc`). */
export function census() {
  const status = readFileSync("/proc/self/status", "utf8");
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)[1]);
  global.gc?.();
  return {
    descriptors: readdirSync("/proc/self/fd").length,
    threads: field("Threads"),
    resident: field("VmRSS"),
    heap: Math.round(process.memoryUsage().heapUsed / 1024),
  };
}

let delay;

/** Watches the event loop from now on. */
export function watchLoop() {
  delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
}

/** How many milliseconds late it was at most, since then. */
export function longestDelay() {
  delay.disable();
  return delay.max / 1e6;
}
