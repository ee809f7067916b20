// What a thousand fetches leave in the process and in the token: nothing. Each is a connection, a full handshake and a
// signature.

import test from "ava";
import { Sessions } from "./children/run.mjs";
import { shimOf } from "./support/shim.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { tpmToken } from "./support/tokens/tpm.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

test.serial("1000 fetches with SoftHSM", async (t) => {
  const shim = shimOf(tb);
  await fetches(t, {
    options: tb.hsm("ec256", {}, { library: shim.library }),
    env: shim.env,
    warmUp: 500,
    times: 1000,
  });
  t.true(shim.count("C_Sign") >= 1500);
  t.is(shim.count("C_OpenSession"), 1, "one session for all of them");
  t.is(shim.count("C_CloseSession"), 1);
});

test.serial("200 fetches with a TPM", async (t) => {
  const tpm = await tpmToken(tb);
  t.teardown(() => tpm.stop());
  await fetches(t, { options: tpm.options(), env: tpm.env, warmUp: 100, times: 200 });
  t.deepEqual(tpm.leftovers(), []);
});

/** So many in one session of one process: it has the same before and after. */
async function fetches(t, { options, env, warmUp, times }) {
  await tb.fault("http10");
  const child = new Sessions({ env, execArgv: ["--expose-gc"], limitMs: 100_000 });
  const ok = async (op, fields = {}) => {
    const { value, error } = await child.call(op, { name: "a", ...fields });
    t.is(error, undefined, `${op}: ${error?.message}`);
    return value;
  };
  await ok("open", { options });
  // The allocators take a while to have what they need: 2 MB in the second half of the first thousand with SoftHSM, and
  // no more after some thousands.
  await ok("refreshes", { times: warmUp });
  const before = await ok("census");
  await ok("refreshes", { times });
  const after = await ok("census");
  t.log(`before ${JSON.stringify(before)}`);
  t.log(`after  ${JSON.stringify(after)}`);
  const handshakes = (await tb.log("connection")).filter(({ handshake }) => handshake === "full");
  t.is(handshakes.length, warmUp + times);
  // A connection may still be on its way out.
  t.true(Math.abs(after.descriptors - before.descriptors) <= 1, `${before.descriptors} → ${after.descriptors}`);
  // The runtime ends the threads for blocking work when they have had none for a while.
  t.true(after.threads <= before.threads + 1, `${before.threads} → ${after.threads}`);
  t.true(after.resident - before.resident < 4096, `${before.resident} → ${after.resident} KiB`);
  t.true(after.heap - before.heap < 512, `${before.heap} → ${after.heap} KiB`);
  t.is((await child.end()).code, 0);
}
