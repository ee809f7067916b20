// Other code in the same process that uses the same module: `support/other-user.c`. Neither ends what the other has.

import test from "ava";
import { Sessions } from "./children/run.mjs";
import { buildOtherUser, CKR, OtherUser } from "./support/other-user.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { tpmToken } from "./support/tokens/tpm.mjs";

let tb;
let addon;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
  addon = buildOtherUser(tb.dir);
});
test.beforeEach(async () => {
  await tb.reset();
  // Every fetch is a handshake, and so a signature.
  await tb.fault("http10");
});
test.after.always(() => tb?.stop());

test.serial("it came first: both sign, and it keeps its session when ours is closed", async (t) => {
  const { other, gw, open, refresh, ok, end } = started(t);
  t.is(await other.initialize(), CKR.OK);
  await other.open("gw", gw.pin);
  t.is(await other.sign(), CKR.OK);
  await open();
  t.is(await other.sign(), CKR.OK);
  await refresh();
  await ok("close");
  t.is(await other.sign(), CKR.OK, "neither finalised nor logged out");
  await open();
  t.is(await other.finalize(), CKR.OK);
  await end();
});

test.serial("it comes later and finalises what we initialised: the next fetch signs, and so does it", async (t) => {
  const { other, gw, open, refresh, end } = started(t);
  await open();
  t.is(await other.initialize(), CKR.ALREADY_INITIALIZED);
  await other.open("gw", gw.pin);
  t.is(await other.sign(), CKR.OK);
  await refresh();
  t.is(await other.finalize(), CKR.OK);
  await refresh();
  t.is(await other.initialize(), CKR.ALREADY_INITIALIZED, "ours again");
  await other.open("gw", gw.pin);
  t.is(await other.sign(), CKR.OK);
  await refresh();
  await end();
});

test.serial("it finalises and initialises, so that old numbers mean other things: both sign", async (t) => {
  const { other, gw, open, refresh, end } = started(t);
  await open();
  for (let n = 0; n < 3; n++) {
    t.is(await other.finalize(), CKR.OK);
    t.is(await other.initialize(), CKR.OK);
    await other.open("gw", gw.pin);
    t.is(await other.sign(), CKR.OK);
    await refresh();
    await refresh();
    t.is(await other.sign(), CKR.OK);
  }
  await end();
});

test.serial("it closes all sessions of the token: the next fetch signs", async (t) => {
  const { other, open, refresh, end } = started(t);
  await open();
  for (let n = 0; n < 3; n++) {
    t.is(await other.closeAllSessions("gw"), CKR.OK);
    await refresh();
  }
  await end();
});

test.serial("its module loses the TPM: the error says whose it is, and that only a restart helps", async (t) => {
  const tpm = await tpmToken(tb);
  t.teardown(() => tpm.stop());
  const { child, other, open, refresh } = started(t, { module: tpm.module, env: tpm.env, options: tpm.options() });
  t.is(await other.initialize(), CKR.OK);
  await open();
  await refresh();
  await tpm.kill();
  await tpm.start();
  for (let n = 0; n < 2; n++) {
    const { error } = await child.call("refresh", { name: "ours" });
    t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_CALL", retryable: true });
    t.regex(error.hint, /initialised by other code in this process.* the process must be restarted/);
  }
  // Or its owner does what we may not.
  t.is(await other.finalize(), CKR.OK);
  await refresh();
  // The module says on standard error what it thinks of it.
  t.like(await child.end(), { code: 0, signal: null });
});

/** A process with the other user and, once opened, a session of ours. */
function started(t, { module = tb.tokens.module, env = {}, options = tb.hsm() } = {}) {
  const child = new Sessions({ env });
  const ok = async (op, fields = {}) => {
    const { error } = await child.call(op, { name: "ours", ...fields });
    t.is(error, undefined, `${op}: ${error?.message}`);
  };
  return {
    child,
    other: new OtherUser(child, addon, module),
    gw: tb.tokens.tokens.gw,
    ok,
    async open() {
      await ok("open", { options });
      await ok("credentials");
    },
    refresh: () => ok("refresh"),
    async end() {
      const { code, signal, stderr } = await child.end();
      t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
    },
  };
}
