// A TPM under a running session: stopped, killed, started again; and what processes leave behind in it.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { now, Sessions, start } from "./children/run.mjs";
import { copyAddon } from "./support/addon-copy.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { tpmToken } from "./support/tokens/tpm.mjs";
import { until } from "./support/waiting.mjs";

let tb;
let tpm;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
  // One that loses its power after a login takes that for a wrong PIN: three are too few here.
  tpm = await tpmToken(tb, { tries: 100 });
});
test.beforeEach(async () => {
  await tb.reset();
  await tpm.register();
  // Every fetch is a handshake, and so a signature.
  await tb.fault("http10");
});
test.after.always(() => tpm?.stop());
test.after.always(() => tb?.stop());

const SIGN_TIMEOUT_MS = 500;

test.serial(
  "stopped: one timeout, then refusals at once, an event loop on time, and signatures when it goes on",
  async (t) => {
    const { child, ok } = await opened(t, { signTimeoutMs: SIGN_TIMEOUT_MS });
    const failure = async () => (await child.call("failure", { name: "tpm" })).value;
    const delays = [];
    for (let round = 0; round < 3; round++) {
      tpm.signal("SIGSTOP");
      await ok("watchLoop");
      const first = await failure();
      t.is(first.code, "ERR_PKCS11_TIMEOUT");
      t.true(first.took >= SIGN_TIMEOUT_MS && first.took < SIGN_TIMEOUT_MS + 1000, `${first.took} ms`);
      const later = [];
      for (let n = 0; n < 11; n++) later.push(await failure());
      t.deepEqual([...new Set(later.map(({ code }) => code))], ["ERR_PKCS11_HUNG"]);
      const times = later.map(({ took }) => took).toSorted((a, b) => a - b);
      t.true(times[5] < 10, `${times}`);
      delays.push((await child.call("longestDelay")).value);
      tpm.signal("SIGCONT");
      await until(async () => (await failure()).code === undefined);
      t.log(`timeout after ${first.took.toFixed(0)} ms, refusal after ${times[5].toFixed(1)} ms`);
    }
    t.log(`event loop late by ${delays.map((ms) => ms.toFixed(1)).join(", ")} ms`);
    // Whatever else the machine does only adds to it: the least of the rounds is ours.
    t.true(Math.min(...delays) < 50, `${delays}`);
    t.is((await child.end()).code, 0);
    t.deepEqual(tpm.leftovers(), []);
  },
);

const EXIT_MS = 1500;
const ends = {
  "by itself": [(child) => child.end(), { code: 0 }],
  "by process.exit()": [(child) => child.end("exit", { code: 7 }), { code: 7 }],
  "by an uncaught error": [(child) => child.end("throw"), { code: 1 }],
  "by SIGTERM": [(child) => child.kill("SIGTERM"), { signal: "SIGTERM" }],
};

for (const [state, bringAbout, hows] of [
  ["idle", ({ ok }) => ok("refresh"), Object.keys(ends)],
  [
    "hung",
    async ({ child }) => {
      tpm.signal("SIGSTOP");
      await child.call("failure", { name: "tpm" });
    },
    Object.keys(ends),
  ],
  [
    "in a call that hangs",
    async ({ child }) => {
      const before = timesAsleep(child.pid);
      tpm.signal("SIGSTOP");
      // Fails with the end of the process.
      child.call("refresh", { name: "tpm" }).catch(() => {});
      await until(() => timesAsleep(child.pid) > before);
    },
    // It does not end by itself: somebody waits for that call.
    Object.keys(ends).slice(1),
  ],
]) {
  test.serial(`a process whose TPM is ${state} ends within ${EXIT_MS} ms`, async (t) => {
    for (const how of hows) {
      const [end, expected] = ends[how];
      const one = await opened(t, { signTimeoutMs: state === "hung" ? 200 : 60_000 });
      await bringAbout(one);
      const started = now();
      const { code, signal, at } = await end(one.child);
      t.like({ code, signal }, expected, how);
      t.log(`${how}: ${(at - started).toFixed(0)} ms`);
      t.true(at - started < EXIT_MS, `${how}: ${at - started} ms`);
      tpm.signal("SIGCONT");
      tpm.flush();
    }
  });
}

test.serial("killed and started again: the next fetch signs, and what we do costs no try of the PIN", async (t) => {
  const { child, ok } = await opened(t);
  const before = tpm.tries().wrong;
  await tpm.kill();
  await tpm.start();
  await ok("refresh");
  t.is((await child.end()).code, 0);
  // The TPM takes a loss of power after a login for a wrong PIN.
  t.is(tpm.tries().wrong - before, 1);
});

test.serial("away for a while: every fetch fails for the time being, and the first one after that signs", async (t) => {
  const { child, ok } = await opened(t);
  const before = tpm.tries().wrong;
  await tpm.kill();
  for (let n = 0; n < 3; n++) {
    const { error } = await child.call("refresh", { name: "tpm" });
    t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_INITIALIZE", retryable: true });
  }
  await tpm.start();
  await ok("refresh");
  t.is((await child.end()).code, 0);
  t.is(tpm.tries().wrong - before, 1);
});

test.serial("killed and started again under two copies of the addon: both sign on", async (t) => {
  const { child, ok, open } = await opened(t);
  await open("copy", copyAddon(join(tb.dir, "tpm-copy")));
  await tpm.kill();
  await tpm.start();
  // The one that initialised the module is the only one that may do it anew.
  await ok("refresh");
  for (let n = 0; n < 3; n++) {
    for (const name of ["copy", "tpm"]) await ok("refresh", { name });
  }
  t.is((await child.end()).code, 0);
});

test.serial("five processes one after the other leave nothing in it, however they end", async (t) => {
  for (const [ending, expected] of [
    ["idle", 0],
    ["exit", 7],
    ["throw", 1],
    ["exit", 7],
    ["idle", 0],
  ]) {
    const { code, stderr } = await start("fetch.mjs", { options: tpm.options(), ending }, { env: tpm.env }).ended;
    t.is(code, expected, stderr);
    t.deepEqual(tpm.leftovers(), [], ending);
  }
});

test.serial("and the check sees what a killed one leaves", async (t) => {
  const { child } = await opened(t);
  await child.kill("SIGTERM");
  t.not(tpm.leftovers().length, 0);
  tpm.flush();
});

/** A process with a session that has fetched with the TPM's key. */
async function opened(t, pkcs11 = {}) {
  const child = new Sessions({ env: tpm.env });
  const ok = async (op, fields = {}) => {
    const { error } = await child.call(op, { name: "tpm", ...fields });
    t.is(error, undefined, `${op}: ${error?.message}`);
  };
  const open = async (name, copy, more = {}) => {
    await ok("open", { name, copy, options: tpm.options(more) });
    await ok("credentials", { name });
  };
  // A short time is for what the test is about, not for the module's first steps on a busy machine.
  await open("patient");
  await open("tpm", undefined, pkcs11);
  return { child, ok, open };
}

/** How often the thread that calls the TPM has fallen asleep: once more when it waits in a call. */
function timesAsleep(pid) {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    if (/^Name:\tpkcs11-tpm$/m.test(status)) return Number(/^voluntary_ctxt_switches:\t(\d+)/m.exec(status)[1]);
  }
  throw new Error("there is no thread for the TPM");
}
