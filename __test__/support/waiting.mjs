// Waiting for what happens, never for a while.

import { once } from "node:events";

/** A processor that is emulated is so much slower: `scripts/qemu.sh`. */
export const SLOWNESS = process.env.QEMU_ROOT === undefined ? 1 : 10;
/** What takes longer hangs. */
const LIMIT_MS = 15_000 * SLOWNESS;

/** The payload of the next event of this name. It holds the process, which no session does. */
export async function heard(emitter, event, limitMs = LIMIT_MS) {
  const controller = new AbortController();
  const late = () => controller.abort(new Error(`no \`${event}\` within ${limitMs} ms`));
  const timer = setTimeout(late, limitMs);
  try {
    const [payload] = await once(emitter, event, { signal: controller.signal });
    return payload;
  } finally {
    clearTimeout(timer);
  }
}

/** Everything an emitter says from now on, by event. */
export function listening(emitter, events = ["refresh", "refreshError", "expired", "warning", "close"]) {
  const all = Object.fromEntries(events.map((event) => [event, []]));
  for (const event of events) emitter.on(event, (payload) => all[event].push(payload));
  return all;
}

/** What `condition` gives as soon as it is not falsy: for what tells nobody that it has changed. */
export async function until(condition, limitMs = LIMIT_MS) {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`after ${limitMs} ms still not: ${condition}`);
}

/** A promise with its ends in hand. */
export function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/** What a promise that must fail fails with. */
export async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
