// A token in another process (p11-kit), which ends, stops and comes back under a running session; and one that is
// pulled and put back. A TPM: `tpm.test.mjs`.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { now, Sessions, systemModule } from "./children/run.mjs";
import { shimOf } from "./support/shim.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { p11KitServer } from "./support/tokens/p11-kit.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

test.serial("the token's process is killed: the next fetch signs, without a restart", async (t) => {
  const { server, child } = await openRemote(t);
  await tb.control("POST", "/connections/drop");
  server.signal("SIGKILL");
  t.is((await child.call("refresh", { name: "a" })).error, undefined);
  t.is((await child.end()).code, 0);
});

test.serial("the token is stopped: a timeout, then a refusal at once, and signatures when it goes on", async (t) => {
  const { server, child } = await openRemote(t, { signTimeoutMs: 500 });
  await tb.control("POST", "/connections/drop");
  server.signal("SIGSTOP");
  const refresh = () => child.call("refresh", { name: "a" });
  t.like((await refresh()).error, { name: "Pkcs11Error", code: "ERR_PKCS11_TIMEOUT", retryable: true });
  for (let n = 0; n < 5; n++) {
    const started = now();
    t.like((await refresh()).error, { name: "Pkcs11Error", code: "ERR_PKCS11_HUNG", retryable: true });
    // With the way to the child and back; waiting would take half a second.
    t.true(now() - started < 100);
  }
  server.signal("SIGCONT");
  let error;
  for (let n = 0; n < 100; n++) {
    ({ error } = await refresh());
    if (error === undefined) break;
    await sleep(20);
  }
  t.is(error, undefined);
  t.is((await child.end()).code, 0);
});

test.serial("a process whose token is stopped ends all the same", async (t) => {
  const { server, child } = await openRemote(t, { signTimeoutMs: 300 });
  await tb.control("POST", "/connections/drop");
  server.signal("SIGSTOP");
  t.like((await child.call("refresh", { name: "a" })).error, { code: "ERR_PKCS11_TIMEOUT" });
  const started = now();
  const { code, at } = await child.end();
  t.is(code, 0);
  t.true(at - started < 2500, `${at - started} ms`);
});

test.serial(
  "the token is pulled and put back: errors that name it, then signatures, whichever slot it is in",
  async (t) => {
    const shim = shimOf(tb);
    const child = new Sessions({ env: shim.env });
    const refresh = () => child.call("refresh", { name: "a" });
    // Every fetch is a handshake, and so a signature.
    await tb.fault("http10");
    await child.call("open", { name: "a", options: tb.hsm("ec256", {}, { library: shim.library }) });
    t.regex((await child.call("credentials", { name: "a" })).value, /^ASIA/);
    for (const gone of ["32", "e0", "b3"]) {
      // CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_SESSION_HANDLE_INVALID: what modules say then.
      shim.script("hide", `fail=C_SignInit:${gone}`);
      for (let n = 0; n < 2; n++) {
        const { error } = await refresh();
        t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_TOKEN_NOT_FOUND", retryable: true });
        t.regex(error.message, /`gw`|"gw"/);
      }
      shim.script();
      t.is((await refresh()).error, undefined, gone);
    }
    // Initialised anew the first time, in case the list of tokens was an old one, and then the slots had other numbers.
    t.is(shim.count("C_Finalize"), 1);
    t.is(shim.count("stale C_CloseSession"), 0);
    t.is((await child.end()).code, 0);
  },
);

/** A session that has fetched once with a key behind `p11-kit server`. */
async function openRemote(t, pkcs11 = {}) {
  const server = await p11KitServer(tb, join(tb.dir, `p11-${t.title.length}`));
  t.teardown(() => {
    server.signal("SIGKILL");
    return server.stop();
  });
  const child = new Sessions({ env: server.env });
  const library = systemModule("p11-kit-client.so", "p11-kit-modules");
  // A short time is for what the test is about, not for the module's first steps on a busy machine.
  for (const [name, more] of [
    ["patient", {}],
    ["a", pkcs11],
  ]) {
    const options = tb.hsm("ec256", {}, { library, ...more });
    t.like(await child.call("open", { name, options }), { error: undefined });
    t.regex((await child.call("credentials", { name })).value, /^ASIA/);
  }
  return { server, child };
}
