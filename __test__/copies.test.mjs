// Two copies of the addon in one process: they share the module and the token's login, and know nothing of each other.

import { join } from "node:path";
import test from "ava";
import { Sessions } from "./children/run.mjs";
import { copyAddon } from "./support/addon-copy.mjs";
import { unshared } from "./support/sessions.mjs";
import { shimOf } from "./support/shim.mjs";
import { startTestbed } from "./support/testbed.mjs";

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

for (const [owner, guest] of orders) {
  test.serial(
    `the module breaks: ${guest} leaves it alone, ${owner}, who initialised it, mends it for both`,
    async (t) => {
      const { child, shim, open, ok, end } = started(t, 1);
      await open(owner);
      await open(guest);
      shim.script("fail-until-anew=C_Sign:30");
      const { error } = await child.call("refresh", { name: guest });
      t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_CALL", retryable: true });
      t.regex(error.message, /C_Sign returned CKR_DEVICE_ERROR/);
      t.regex(error.hint, /initialised by other code in this process.* the process must be restarted/);
      t.is(shim.count("C_Finalize"), 0);
      await ok("refresh", { name: owner });
      t.is(shim.count("C_Finalize"), 1);
      for (const name of [guest, owner]) await ok("refreshes", { name, times: 3 });
      await end();
    },
  );
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
    async open(name, thread) {
      const options = unshared(tb.hsm("ec256", {}, { library: shim.library }));
      await ok("open", { name, options, copy: copies[name], thread });
      await ok("credentials", { name, thread });
    },
    async end() {
      const { code, signal, stderr } = await child.end();
      t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
      t.is(shim.count("C_Finalize"), finalised);
      t.is(shim.count("C_Logout"), 0);
      // The session that the module was finalised with needs no closing.
      t.is(shim.count("C_OpenSession") - shim.count("C_CloseSession"), finalised);
    },
  };
}
