// Two copies of the addon in one process: they share the module, its initialisation and the token's login.

import { join } from "node:path";
import test from "ava";
import { Sessions } from "./children/run.mjs";
import { copyAddon } from "./support/addon-copy.mjs";
import { unshared } from "./support/sessions.mjs";
import { shimOf } from "./support/shim.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { until } from "./support/waiting.mjs";

let tb;
let copies;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
  copies = { a: undefined, b: copyAddon(join(tb.dir, "copy")) };
});
test.beforeEach(async () => {
  await tb.reset();
  // Every fetch is a handshake, and so a signature.
  await tb.fault("http10");
});
test.after.always(() => tb?.stop());

const orders = [
  ["a", "b"],
  ["b", "a"],
];

for (const [first, second] of orders) {
  test.serial(`${first} initialises, ${second} adopts: each signs on while the other comes and goes`, async (t) => {
    const { shim, open, ok, end } = started(t);
    await open(first);
    await open(second);
    t.is(shim.count("C_Initialize"), 2);
    for (const [staying, going] of orders) {
      const signing = ok("refreshes", { name: staying, times: 60 });
      for (let n = 0; n < 6; n++) {
        await ok("close", { name: going });
        await open(going);
      }
      await signing;
      await ok("refresh", { name: staying });
    }
    await ok("close", { name: first });
    await ok("refresh", { name: second });
    await ok("close", { name: second });
    await open(first);
    await end();
  });

  test.serial(`${first} stays, ${second} was in workers that are gone: ${first} signs on`, async (t) => {
    const { child, shim, open, ok, end } = started(t);
    await open(first);
    const fields = { name: second, thread: "worker" };
    for (let n = 0; n < 3; n++) {
      await open(second, "worker");
      const signing = ok("refreshes", { name: first, times: 20 });
      await ok("refresh", fields);
      // Its last environment: the copy closes what it has, and is taken out of the process if the loader may.
      t.is((await child.call("terminate", { thread: "worker" })).value, 1);
      await signing;
    }
    t.is(shim.count("C_OpenSession"), 4);
    t.is(shim.count("C_CloseSession"), 3, "the one that stays keeps its own");
    await end();
  });
}

test.serial("20 workers with both copies come and go: all sign, and so does the main thread", async (t) => {
  const { child, shim, open, ok, end } = started(t);
  await open("a");
  await open("b");
  const threads = Array.from({ length: 20 }, (_, n) => `worker ${n}`);
  await Promise.all(
    threads.map(async (thread, n) => {
      for (const copy of n % 2 === 0 ? ["a", "b"] : ["b", "a"]) {
        await open(copy, thread);
        await ok("refresh", { name: copy, thread });
      }
      if (n % 4 < 2) await child.call("terminate", { thread });
    }),
  );
  for (const name of ["a", "b"]) await ok("refresh", { name });
  t.is(shim.count("C_OpenSession"), 2, "a session for each copy");
  t.is(shim.count("C_CloseSession"), 0);
  await end();
});

for (const thread of [undefined, "worker"]) {
  const where = thread === undefined ? "" : ", one in a worker";
  test.serial(`both at once${where}: one C_Initialize after the other`, async (t) => {
    const { shim, open, ok, end } = started(t);
    shim.script("slow=C_Initialize:500");
    await Promise.all([open("a"), open("b", thread)]);
    t.is(shim.count("C_Initialize"), 2);
    t.is(shim.count("race C_Initialize"), 0);
    for (const fields of [{ name: "a" }, { name: "b", thread }]) await ok("refreshes", { ...fields, times: 3 });
    await end();
  });

  test.serial(`C_Initialize hangs${where}: the other waits no longer than it may, and comes after it`, async (t) => {
    const { child, shim, open, ok, end } = started(t);
    shim.script("hang=C_Initialize");
    const first = open("a");
    await until(() => shim.count("C_Initialize") === 1);
    await open("b", thread, { options: { signTimeoutMs: 500 }, fetch: false });
    const { error } = await child.call("refresh", { name: "b", thread });
    t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_HUNG", retryable: true });
    t.regex(error.message, /another copy of this package in this process is initialising it/);
    t.regex(error.hint, /reset the device or restart the process/);
    t.is(shim.count("C_Initialize"), 1);
    shim.script();
    await first;
    await ok("refresh", { name: "b", thread });
    t.is(shim.count("race C_Initialize"), 0);
    await end();
  });
}

for (const [owner, guest] of orders) {
  test.serial(`${owner} initialised the module, which breaks: ${guest} mends it for both`, async (t) => {
    const { shim, open, ok, end } = started(t, 1);
    await open(owner);
    await open(guest);
    shim.script("fail-until-anew=C_Sign:30");
    await ok("refresh", { name: guest });
    t.is(shim.count("C_Finalize"), 1);
    for (const name of [owner, guest]) await ok("refreshes", { name, times: 3 });
    t.is(shim.count("C_OpenSession"), 4, "each its own, and each once more");
    await end(2);
  });

  test.serial(`the module breaks for ${guest} during a call of ${owner}: not finalised before its end`, async (t) => {
    const { child, shim, open, ok, end } = started(t, 1);
    await open(owner);
    await open(guest);
    shim.script("hang-once=C_Sign");
    const before = shim.count("C_Sign");
    const signing = ok("refresh", { name: owner });
    await until(() => shim.count("C_Sign") > before);
    shim.script("hang-once=C_Sign", "fail-until-anew=C_SignInit:5");
    const { error } = await child.call("refresh", { name: guest });
    t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_HUNG", retryable: true });
    t.is(shim.count("C_Finalize"), 0);
    shim.script("fail-until-anew=C_SignInit:5");
    await signing;
    await ok("refresh", { name: guest });
    t.is(shim.count("C_Finalize"), 1);
    for (const name of [owner, guest]) await ok("refreshes", { name, times: 3 });
    await end(2);
  });
}

/** A process whose `open(copy)` leaves a session of this name that has fetched. */
function started(t, finalised = 0) {
  const shim = shimOf(tb);
  const child = new Sessions({ env: shim.env });
  const ok = async (op, fields) => {
    const { error } = await child.call(op, fields);
    t.is(error, undefined, `${op} ${JSON.stringify(fields)}: ${error?.message}`);
  };
  return {
    shim,
    child,
    ok,
    async open(name, thread, { options: more = {}, fetch = true } = {}) {
      const options = unshared(tb.hsm("ec256", {}, { library: shim.library, ...more }));
      await ok("open", { name, options, copy: copies[name], thread });
      if (fetch) await ok("credentials", { name, thread });
    },
    /** `lost`: sessions that the module was finalised with, and that need no closing. */
    async end(lost = 0) {
      const { code, signal, stderr } = await child.end();
      t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
      t.is(shim.count("C_Finalize"), finalised);
      t.is(shim.count("C_Logout"), 0);
      t.is(shim.count("C_OpenSession") - shim.count("C_CloseSession"), lost);
      t.is(shim.count("overlap C_Finalize"), 0);
      for (const name of ["C_SignInit", "C_Sign", "C_CloseSession"]) t.is(shim.count(`stale ${name}`), 0, name);
    },
  };
}
