// Sessions that nobody closes, and callbacks that never settle: what of them is left once nobody knows them any more?
// Run with --expose-gc.

import { readdirSync, readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { fromCustom, RefreshableSession } from "../../dist/index.mjs";

const COUNT = 100;
const keys = () => ({ accessKeyId: "ASIAEXAMPLE", secretAccessKey: "s", expiration: new Date(Date.now() + 3_600_000) });
const timers = () =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes("timerfd");
    } catch {
      return false;
    }
  }).length;

const before = timers();
let collected = 0;
const registry = new FinalizationRegistry(() => collected++);

async function make(refresh) {
  const session = new RefreshableSession({ method: "custom", refresh, customCredentials: () => keys() });
  session.on("refresh", () => session);
  await session.ready();
  registry.register(session, undefined);
}

for (let i = 0; i < COUNT; i++) await make(i % 2 === 0 ? "deferred" : "eager");
await collect(() => collected === COUNT && timers() === before);
const sessions = { collected, timers: timers() - before };

let signals = 0;
const aborted = new FinalizationRegistry(() => signals++);
const hung = fromCustom(
  (_, { signal }) => {
    aborted.register(signal, undefined);
    return new Promise(() => {});
  },
  { timeoutMs: 5 },
);
const codes = new Set();
const asked = performance.now();
while (signals < 3 && performance.now() - asked < 20_000) {
  await hung().catch(({ code }) => codes.add(code));
  globalThis.gc();
}

console.log(JSON.stringify({ sessions, count: COUNT, signals: signals >= 3, codes: [...codes] }));

/** Until it is so, or for ten seconds. */
async function collect(done) {
  const until = performance.now() + 10_000;
  while (!done() && performance.now() < until) {
    globalThis.gc();
    await turn();
  }
}
