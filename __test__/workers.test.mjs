// Worker threads share the process's module, token and login; their coming and going leaves the main thread's alone.

import { join } from "node:path";
import test from "ava";
import { spyOn, start } from "./children/run.mjs";
import { unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { SLOWNESS } from "./support/waiting.mjs";

/** All of it takes two seconds; a hang of the process is to be told from a slow machine. */
const LIMIT_MS = 15_000;

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

let processes = 0;
const spied = () => {
  const spy = spyOn(tb.tokens.module, join(tb.dir, `spy-${++processes}.log`));
  return { spy, hsm: (key) => tb.hsm(key, {}, { library: spy.library }), pem: (key) => tb.pem(key) };
};

for (const [how, among] of [
  ["each on a source of its own", unshared],
  ["four of them on the main thread's source, the others in fours", (options) => options],
]) {
  test.serial(`20 workers fetch and end in every way, ${how}; the main thread's session signs on`, async (t) => {
    const { spy, hsm, pem } = spied();
    const shared = among !== unshared;
    const workers = ["close", "leave", "stay", "started", "stuck"].flatMap((ending) => [
      { ending, options: among(pem("ec256")) },
      { ending, options: among(pem("rsa2048")) },
      { ending, options: among(hsm("ec256")) },
      { ending, options: among(hsm("rsa2048")) },
    ]);
    t.is(workers.length, 20);
    const child = start(
      "workers.mjs",
      { main: hsm(shared ? "rsa2048" : "ec384"), workers },
      { env: spy.env, limitMs: LIMIT_MS },
    );
    await child.message("ready");
    t.is(spy.count("C_Login"), 1);

    const { outcomes } = await child.message("workers");
    for (const [n, { ending }] of workers.entries()) {
      const { exit, key, error } = outcomes[n];
      const terminated = ["stay", "started", "stuck"].includes(ending);
      t.is(error, undefined, `${ending}: ${error}`);
      // A quick one may end by itself before it can be terminated.
      if (ending === "started") t.true([0, 1].includes(exit), `${exit}`);
      else t.is(exit, terminated ? 1 : 0, ending);
      // One that is terminated as it starts may still have been quick enough.
      if (ending !== "started") t.is(key !== undefined, ending !== "stuck", ending);
    }
    t.is(spy.count("C_CloseSession"), 0, "the token is still in use");

    const signatures = spy.count("C_Sign");
    await tb.control("POST", "/connections/drop");
    child.send({});
    const { keys } = await child.message("main");
    t.is(keys.still, keys.before, "its keys are still held");
    t.not(keys.after, keys.before);
    for (const [n, { options, ending }] of workers.entries()) {
      const { key } = outcomes[n];
      if (key === undefined) continue;
      const same = shared && options.pkcs11?.privateKeyId === tb.tokens.tokens.gw.keys.rsa2048.id;
      t.is(
        key === keys.before,
        same,
        `${ending}: ${same ? "one source, one set of keys" : "another source, other keys"}`,
      );
    }
    t.is(spy.count("C_Sign"), signatures + 1, "the main thread's next handshake is signed in the same login");

    const { code, signal, stderr } = await child.ended;
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
    for (const [name, times] of Object.entries({
      C_Initialize: 1,
      C_Login: 1,
      C_OpenSession: 1,
      C_Logout: 0,
      C_Finalize: 0,
    })) {
      t.is(spy.count(name), times, name);
    }
    t.is(spy.count("C_CloseSession"), 1, "the last one out closes it");
  });
}

test.serial(
  "workers that come one after the other, none in the main thread: each works, whatever ended the last",
  async (t) => {
    const { spy, hsm, pem } = spied();
    // Each of them is the only and therefore the last user of the library when it ends.
    const workers = ["close", "stay", "stuck", "leave", "close"].flatMap((ending) => [
      { ending, options: hsm("ec256") },
      { ending, options: pem("ec256") },
    ]);
    const child = start("workers.mjs", { workers, oneByOne: true }, { env: spy.env, limitMs: LIMIT_MS });
    const { outcomes } = await child.message("workers");
    for (const [n, { ending }] of workers.entries()) {
      t.is(outcomes[n].error, undefined, ending);
      t.is(outcomes[n].key !== undefined, ending !== "stuck", ending);
    }
    const { code, signal, stderr } = await child.ended;
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
    t.is(spy.count("C_Initialize"), 1);
    t.is(spy.count("C_Finalize"), 0);
    t.is(spy.count("C_OpenSession"), spy.count("C_CloseSession"), "none is left open");
  },
);

for (const [title, ending, options] of [
  ["in a handshake, PEM", "stuck", ({ pem }) => pem("ec256")],
  ["in a handshake, HSM", "stuck", ({ hsm }) => hsm("ec256")],
  ["while their PIN callback is waited for", "asking", ({ hsm }) => hsm("ec256")],
]) {
  test.serial(`workers terminated ${title}: the fetch they leave behind harms nobody`, async (t) => {
    const process = spied();
    const worker = { ending, options: options(process) };
    worker.options.timeoutMs = 500 * SLOWNESS;
    const input = { main: process.hsm("ec384"), workers: Array(8).fill(worker), oneByOne: true };
    const child = start("workers.mjs", input, { env: process.spy.env, limitMs: LIMIT_MS });
    const { outcomes } = await child.message("workers");
    t.deepEqual(outcomes, Array(8).fill({ exit: 1 }));
    await tb.control("POST", "/connections/drop");
    child.send({});
    const { keys } = await child.message("main");
    t.not(keys.after, keys.before);
    const { code, signal, stderr } = await child.ended;
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
    t.is(process.spy.count("C_Login"), 1);
  });
}

test.serial("workers terminated at any moment, again and again: the process lives", async (t) => {
  const { spy, hsm, pem } = spied();
  const workers = Array.from({ length: 20 }, (_, n) => ({
    ending: n % 2 === 0 ? "started" : "stay",
    options: n % 4 < 2 ? hsm(n % 3 === 0 ? "rsa2048" : "ec256") : pem("ec256"),
  }));
  const child = start(
    "workers.mjs",
    { main: pem("ec384"), workers, oneByOne: true },
    { env: spy.env, limitMs: LIMIT_MS },
  );
  const { outcomes } = await child.message("workers");
  t.deepEqual(
    outcomes.map(({ error }) => error).filter((error) => error !== undefined),
    [],
  );
  child.send({});
  t.truthy((await child.message("main")).keys.after);
  const { code, signal, stderr } = await child.ended;
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
});
