// A token in another process (p11-kit), which ends, stops and comes back under a running session.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { now, Sessions, systemModule } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

test.serial("the token's process is killed: the next fetch signs, without a restart", async (t) => {
  const { server, child } = await openRemote(t);
  await tb.control("POST", "/connections/drop");
  signal(server, "SIGKILL");
  t.is((await child.call("refresh", { name: "a" })).error, undefined);
  t.is((await child.end()).code, 0);
});

test.serial("the token is stopped: a timeout, then a refusal at once, and signatures when it goes on", async (t) => {
  const { server, child } = await openRemote(t, { signTimeoutMs: 500 });
  await tb.control("POST", "/connections/drop");
  signal(server, "SIGSTOP");
  const refresh = () => child.call("refresh", { name: "a" });
  t.like((await refresh()).error, { name: "Pkcs11Error", code: "ERR_PKCS11_TIMEOUT", retryable: true });
  for (let n = 0; n < 5; n++) {
    const started = now();
    t.like((await refresh()).error, { name: "Pkcs11Error", code: "ERR_PKCS11_HUNG", retryable: true });
    // With the way to the child and back; waiting would take half a second.
    t.true(now() - started < 100);
  }
  signal(server, "SIGCONT");
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
  signal(server, "SIGSTOP");
  t.like((await child.call("refresh", { name: "a" })).error, { code: "ERR_PKCS11_TIMEOUT" });
  const started = now();
  const { code, at } = await child.end();
  t.is(code, 0);
  t.true(at - started < 2500, `${at - started} ms`);
});

/** A session that has fetched once with a key behind `p11-kit server`. */
async function openRemote(t, pkcs11 = {}) {
  const socket = join(tb.dir, `p11-${t.title.length}`);
  const provider = ["--provider", tb.tokens.module, "--name", socket];
  const server = spawn("p11-kit", ["server", "--foreground", ...provider, "pkcs11:token=gw"], { stdio: "ignore" });
  t.teardown(() => {
    if (server.exitCode === null) signal(server, "SIGKILL");
    server.kill("SIGKILL");
  });
  for (let n = 0; n < 250 && !existsSync(socket); n++) await sleep(20);
  const child = new Sessions({ env: { P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` } });
  const options = tb.hsm("ec256", {}, { library: systemModule("p11-kit-client.so", "p11-kit-modules"), ...pkcs11 });
  t.like(await child.call("open", { name: "a", options }), { error: undefined });
  t.regex((await child.call("credentials", { name: "a" })).value, /^ASIA/);
  return { server, child };
}

/** To the processes that the server made for its clients. */
function signal(server, name) {
  const workers = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").split(" ").filter(Boolean);
  for (const worker of workers) process.kill(Number(worker), name);
}
