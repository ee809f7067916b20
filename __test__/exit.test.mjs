// No session holds its process, and a closed one leaves nothing in it.

import test from "ava";
import { start } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { SLOWNESS } from "./support/waiting.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());

/** From the last statement to the end: a session that holds the process does so for hours. */
const PROMPT_MS = 3000;

async function ended(t, mode, fields = {}) {
  const input = { mode, options: bed.pem(), endpoint: bed.sts.http, ...fields };
  const { code, signal, at, stdout, stderr } = await start("exits.mjs", input).ended;
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" }, stdout);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const stages = Object.fromEntries(lines.map((line) => [line.stage, line]));
  return { lines, stages, took: at - stages.done.at };
}

for (const mode of [
  "eager, timer pending",
  "eager, first fetch pending",
  "background refresh pending",
  "callback that never settles",
  "provider",
]) {
  test(`the process ends by itself: ${mode}`, async (t) => {
    const { took, stages } = await ended(t, mode);
    t.true(took < PROMPT_MS, `${took} ms`);
    // Otherwise there was no timer to speak of.
    if (mode === "eager, timer pending") t.true(stages.timers.timers >= 2);
  });
}

test("a client that is left open holds the process no longer than a client of the SDK's own", async (t) => {
  const { took } = await ended(t, "open client");
  // The SDK keeps idle sockets without holding the process.
  t.true(took < PROMPT_MS, `${took} ms`);
});

test("close ends the clients' sockets", async (t) => {
  const { stages, took } = await ended(t, "open client, closed");
  t.like(stages.census, { timers: 0, sockets: 0 });
  t.deepEqual(
    stages.census.held.filter((name) => /TCP|TLS|Socket/i.test(name)),
    [],
  );
  t.true(took < PROMPT_MS, `${took} ms`);
});

test("close leaves no timer, no socket, no thread and no handle, while the sessions are still known", async (t) => {
  const rounds = 5;
  const { before, during, after, zones } = (await ended(t, "close", { rounds })).stages.census;
  t.deepEqual(zones, ["closed"]);
  // Each of the three sessions slept.
  t.is(during.length, rounds);
  t.true(
    during.every((count) => count >= 6),
    `${during}`,
  );
  t.deepEqual({ timers: after.timers, sockets: after.sockets }, { timers: 0, sockets: 0 });
  t.deepEqual({ timers: before.timers, sockets: before.sockets }, { timers: 0, sockets: 0 });
  t.deepEqual(after.held, before.held);
  // The runtime may have started a thread for name lookups, and ends it when it is idle for a while. Under qemu the lookups of
  // the three sessions may take long enough to meet.
  const lookups = SLOWNESS === 1 ? 1 : 3;
  t.true(after.threads <= before.threads + lookups, `${before.threads} threads before, ${after.threads} after`);
});

test("a session that a worker leaves open ends with it", async (t) => {
  const { lines, stages, took } = await ended(t, "unclosed in a worker");
  const outcomes = lines.filter(({ stage }) => stage === "worker").map(({ outcome }) => outcome);
  t.deepEqual(outcomes, [0, 0, 0]);
  t.like(stages.census, { timers: 0, sockets: 0 });
  t.true(took < PROMPT_MS, `${took} ms`);
});
