// MQTT connections and the processes and threads that they live in: what holds a process and what does not, ends of every
// kind, and what is left behind.
//
// Serial: the faults of the proxy and of the broker are common to all. The moments at which workers end are drawn;
// `MQTT_SEED` repeats a run.

import { join } from "node:path";
import test from "ava";
import { start } from "./children/run.mjs";
import { copyAddon } from "./support/addon-copy.mjs";
import { newClient, QUICK } from "./support/mqtt-bed.mjs";
import { between, randomOf } from "./support/random.mjs";
import { shimOf } from "./support/shim.mjs";
import { startTestbed } from "./support/testbed.mjs";

/** From the last statement to the end: a connection that holds the process does so for hours. */
const PROMPT_MS = 1500;
/** A child that takes longer hangs. */
const LIMIT_MS = 60_000;
const SEED = Number(process.env.MQTT_SEED ?? Math.floor(Math.random() * 2 ** 32));

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.beforeEach(async () => {
  await bed.reset();
  await bed.control("PUT", "/mqtt/rules", "off");
});
test.after.always(() => bed?.stop());

const quick = (overrides = {}) => ({
  endpoint: bed.mqtt.tls.endpoint,
  clientId: newClient(),
  ...QUICK,
  ...overrides,
});

function child(mode, { session = bed.pem(), options = quick(), env, execArgv, ...rest } = {}) {
  return start("mqtt-life.mjs", { mode, session, options, ...rest }, { env, execArgv, limitMs: LIMIT_MS });
}

/** It ended by itself, well; how long after `since`. */
async function endsWell(t, { ended }, since) {
  const { code, signal, at, stderr } = await ended;
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
  if (since !== undefined) t.true(at - since < PROMPT_MS, `${at - since} ms`);
}

// ------------------------------------------------------------------------------------------------------------ the process

for (const [what, fault, overrides] of [
  ["an attempt that nobody answers", "silence", { connectTimeoutMs: 600_000 }],
  ["the wait between attempts", "close", {}],
]) {
  test.serial(`what is to be up holds the process: ${what}`, async (t) => {
    await bed.badProxy(fault);
    const options = quick({ proxy: bed.proxy.url, ...overrides });
    const holding = child("holds", { options });
    await holding.message("done");
    await bed.control("GET", "/log?event=proxy&atLeast=1&waitMs=10000");
    if (fault === "close") await holding.message("reconnecting");
    t.is(holding.output.stderr, "");
    await bed.badProxy("none");
    if (fault === "silence") {
      // Nothing ends that attempt but its process.
      process.kill(holding.pid, "SIGKILL");
      t.is((await holding.ended).signal, "SIGKILL");
      return;
    }
    const { at } = await holding.message("connect");
    await endsWell(t, holding, at);
  });
}

test.serial("what was up and is lost holds the process until it is up again", async (t) => {
  const options = quick({ proxy: bed.proxy.url });
  const holding = child("holds again", { options });
  await holding.message("done");
  await bed.badProxy("close");
  await bed.control("POST", `/mqtt/clients/${options.clientId}-0/kick`, {});
  await holding.message("lost");
  await bed.badProxy("none");
  const { at } = await holding.message("connect");
  await endsWell(t, holding, at);
});

const states = ["never connected", "connected", "connecting", "waiting", "publishing"];

/** A proxy that keeps a connection in the state. */
async function arranged(state) {
  if (state === "connecting") await bed.badProxy("silence");
  if (state === "waiting") await bed.badProxy("close");
  return quick({ proxy: bed.proxy.url });
}

for (const state of states) {
  for (const end of ["close", "disconnect", "session"]) {
    test.serial(`${state}, ended by ${end}: it holds the process no longer`, async (t) => {
      const ending = child("ends", { state, end, options: await arranged(state) });
      const { at } = await ending.message("done");
      await endsWell(t, ending, at);
    });
  }

  test.serial(`${state}: process.exit() ends it at once`, async (t) => {
    const ending = child("ends", { state, end: "exit", options: await arranged(state) });
    const { at: since } = await ending.message("done");
    const { code, signal, at, stderr } = await ending.ended;
    t.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" });
    t.true(at - since < PROMPT_MS, `${at - since} ms`);
  });

  test.serial(`${state}: an error that nobody catches ends it at once`, async (t) => {
    const ending = child("ends", { state, end: "throw", options: await arranged(state) });
    const { at: since } = await ending.message("done");
    const { code, signal, at, stderr } = await ending.ended;
    t.deepEqual({ code, signal }, { code: 1, signal: null }, stderr);
    t.regex(stderr, /the program's own mistake/);
    t.true(at - since < PROMPT_MS, `${at - since} ms`);
  });
}

// --------------------------------------------------------------------------------------------------------- what is left

test.serial("connections that nobody has are collected: never connected, disconnected, closed", async (t) => {
  const collecting = child("collects", { count: 20, execArgv: ["--expose-gc"] });
  t.is((await collecting.message("collected")).collected, 60);
  await endsWell(t, collecting);
});

test.serial("200 connections, one after the other, leave nothing behind", async (t) => {
  const cycling = child("cycles", { warmUp: 100, times: 200, execArgv: ["--expose-gc"] });
  const { before, after } = await cycling.message("census");
  await endsWell(t, cycling);
  t.log(`before ${JSON.stringify(before)}`);
  t.log(`after  ${JSON.stringify(after)}`);
  // A connection may still be on its way out.
  t.true(Math.abs(after.descriptors - before.descriptors) <= 1, `${before.descriptors} → ${after.descriptors}`);
  t.true(after.threads <= before.threads + 1, `${before.threads} → ${after.threads}`);
  t.true(after.resident - before.resident < 4096, `${before.resident} → ${after.resident} KiB`);
  t.true(after.heap - before.heap < 512, `${before.heap} → ${after.heap} KiB`);
});

test.serial("a hundred connections in one process need no thread each", async (t) => {
  const many = child("many", { count: 100 });
  const { threads, payloads, closed } = await many.message("many");
  t.deepEqual(
    payloads,
    Array.from({ length: 100 }, (_, n) => n),
  );
  t.true(closed);
  t.true(threads < 40, `${threads} threads`);
  await endsWell(t, many);
});

test.serial("two copies of the package, one token: each has its connection, and one of them leaves", async (t) => {
  const shim = shimOf(bed);
  const copy = copyAddon(join(bed.dir, "mqtt-copy"));
  const session = bed.hsm("ec256", {}, { library: shim.library });
  const both = child("copies", { session, copy, env: shim.env });
  t.like(await both.message("copies"), { same: false, payload: "from the other copy", reasonCode: 0 });
  await endsWell(t, both);
  t.is(shim.count("C_OpenSession"), 2);
  t.is(shim.count("C_CloseSession"), 2);
});

// ------------------------------------------------------------------------------------------------------------ the threads

for (const [key, session] of [
  ["a key in a token", (shim) => bed.hsm("ec256", {}, { library: shim.library })],
  ["a key in a file", () => bed.pem()],
]) {
  test.serial(
    `ten workers at a time, ended at any moment, ${key}: the main thread's connection lives on`,
    async (t) => {
      t.log(`MQTT_SEED=${SEED}`);
      const random = randomOf(SEED);
      const moments = ["started", "handshake", "connected", "publishing", "closed"];
      const rounds = Array.from({ length: 3 }, () =>
        Array.from({ length: 10 }, (_, n) => ({
          moment: moments[n % moments.length],
          // At the moment itself, or somewhat behind it.
          afterMs: random() < 0.5 ? 0 : between(random, 1, 30),
        })),
      );
      const shim = shimOf(bed);
      const options = quick();
      const working = child("workers", { session: session(shim), options, rounds, env: shim.env });
      const { outcomes, connections } = await working.message("workers");
      for (const { moment, reached, exit, error } of outcomes) {
        t.is(error, undefined, moment);
        t.true(reached, moment);
        t.is(exit, moment === "closed" ? 0 : 1, moment);
      }
      t.is(outcomes.length, 30);
      t.is(connections, 1, "the main thread's was never lost");
      await endsWell(t, working);
      t.is(shim.count("C_OpenSession"), shim.count("C_CloseSession"), "none is left open");
      t.is(shim.count("C_Finalize"), 0);
    },
  );
}
